// Pictures beside each other, to compare them by eye.
#pragma once

#include <span>
#include <string>

#include "picture.h"

struct Panel {
    std::string label;  // capitals, digits, space, and . + -; "dB"
    Picture picture;    // all panels have the same size
};

// One row of whole pictures under their labels, and below it a row of their most detailed sixteenth, four times as large.
Picture comparison_sheet(std::span<const Panel> panels);
