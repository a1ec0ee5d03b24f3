// The compiled layers of this example, as data.
#pragma once

#include <span>

#include "network.h"

constexpr int kTile = 48;  // pixels per side that one run of the network contributes

std::span<const Layer> fsrcnn_layers();  // for Network(layers, kTile, kTile)
