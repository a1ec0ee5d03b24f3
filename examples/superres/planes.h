// Brightness and colour as separate planes of real numbers, which is what is resized and what the network sees.
#pragma once

#include <vector>

#include "picture.h"

struct Plane {
    int width = 0, height = 0;
    std::vector<float> values;  // [height][width]

    Plane() = default;
    Plane(int width, int height) : width(width), height(height), values(static_cast<size_t>(width) * height) {}
    float *row(int y) { return &values[static_cast<size_t>(y) * width]; }
    const float *row(int y) const { return &values[static_cast<size_t>(y) * width]; }
};

// Full-range BT.601, the form JPEG uses. Nothing is rounded to 8 bits.
struct Planes {
    Plane luma;       // (0.299 R + 0.587 G + 0.114 B) / 255: 0..1
    Plane blue, red;  // Cb and Cr, around 0: (B / 255 - luma) / 1.772 and (R / 255 - luma) / 1.402
};

Planes split(const Picture &picture);
Picture merge(const Planes &planes);  // rounded to 8 bits, and clipped where luma and colour do not fit together

void clip(Plane &plane);                                      // to 0..1
Picture crop(const Picture &picture, int width, int height);  // keeps the upper left part

// Peak signal-to-noise ratio in dB with peak 1, leaving out `border` pixels along each edge.
double psnr(const Plane &plane, const Plane &truth, int border);
