#include "planes.h"

#include <algorithm>
#include <cmath>

Planes split(const Picture &picture) {
    Planes planes = {{picture.width, picture.height}, {picture.width, picture.height}, {picture.width, picture.height}};
    for (size_t i = 0; i < planes.luma.values.size(); i++) {
        const float r = picture.rgb[3 * i], g = picture.rgb[3 * i + 1], b = picture.rgb[3 * i + 2];
        const float luma = (0.299f * r + 0.587f * g + 0.114f * b) / 255;
        planes.luma.values[i] = luma;
        planes.blue.values[i] = (b / 255 - luma) / 1.772f;
        planes.red.values[i] = (r / 255 - luma) / 1.402f;
    }
    return planes;
}

Picture merge(const Planes &planes) {
    Picture picture = {planes.luma.width, planes.luma.height, std::vector<uint8_t>(planes.luma.values.size() * 3)};
    auto to_byte = [](float value) { return static_cast<uint8_t>(std::clamp(value, 0.0f, 1.0f) * 255 + 0.5f); };
    for (size_t i = 0; i < planes.luma.values.size(); i++) {
        const float luma = planes.luma.values[i];
        const float r = luma + 1.402f * planes.red.values[i], b = luma + 1.772f * planes.blue.values[i];
        picture.rgb[3 * i] = to_byte(r);
        picture.rgb[3 * i + 1] = to_byte((luma - 0.299f * r - 0.114f * b) / 0.587f);
        picture.rgb[3 * i + 2] = to_byte(b);
    }
    return picture;
}

void clip(Plane &plane) {
    for (float &value : plane.values) {
        value = std::clamp(value, 0.0f, 1.0f);
    }
}

Picture crop(const Picture &picture, int width, int height) {
    Picture part = {width, height, std::vector<uint8_t>(size_t{3} * width * height)};
    for (int y = 0; y < height; y++) {
        std::copy_n(&picture.rgb[size_t{3} * picture.width * y], 3 * width, &part.rgb[size_t{3} * width * y]);
    }
    return part;
}

double psnr(const Plane &plane, const Plane &truth, int border) {
    double sum = 0;
    for (int y = border; y < truth.height - border; y++) {
        for (int x = border; x < truth.width - border; x++) {
            const double error = plane.row(y)[x] - truth.row(y)[x];
            sum += error * error;
        }
    }
    return -10 * std::log10(sum / (double(truth.width - 2 * border) * (truth.height - 2 * border)));
}
