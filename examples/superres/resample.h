#pragma once

#include "planes.h"

// Cubic convolution (Keys, a = -0.5). When it shrinks, the filter is widened by the ratio, so nothing aliases. Pixels
// outside the plane are left out and the other weights scaled to a sum of 1. This is what PIL's resize(..., BICUBIC) does
// to an image of mode F, which is what the network was trained with.
Plane resize_bicubic(const Plane &plane, int width, int height);
