#include "resample.h"

#include <algorithm>
#include <cmath>

namespace {

double cubic(double t) {
    t = std::abs(t);
    if (t < 1) {
        return (1.5 * t - 2.5) * t * t + 1;
    }
    return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

struct Taps {
    int first = 0;
    std::vector<double> weights;
};

// What each of `out` pixels of a line reads of a line of `in`.
std::vector<Taps> taps_of(int in, int out) {
    const double ratio = static_cast<double>(in) / out, width = std::max(ratio, 1.0);
    std::vector<Taps> line(out);
    for (int o = 0; o < out; o++) {
        const double centre = (o + 0.5) * ratio;  // pixel i covers i .. i + 1
        Taps &taps = line[o];
        taps.first = std::max(0, static_cast<int>(std::floor(centre - 2 * width + 0.5)));
        const int end = std::min(in, static_cast<int>(std::floor(centre + 2 * width + 0.5)));
        double sum = 0;
        for (int i = taps.first; i < end; i++) {
            taps.weights.push_back(cubic((i + 0.5 - centre) / width));
            sum += taps.weights.back();
        }
        for (double &weight : taps.weights) {
            weight /= sum;
        }
    }
    return line;
}

}  // namespace

Plane resize_bicubic(const Plane &plane, int width, int height) {
    Plane wide(width, plane.height), result(width, height);
    const std::vector<Taps> columns = taps_of(plane.width, width), rows = taps_of(plane.height, height);
    for (int y = 0; y < plane.height; y++) {
        for (int x = 0; x < width; x++) {
            double sum = 0;
            for (size_t k = 0; k < columns[x].weights.size(); k++) {
                sum += columns[x].weights[k] * plane.row(y)[columns[x].first + k];
            }
            wide.row(y)[x] = static_cast<float>(sum);
        }
    }
    std::vector<double> sums(width);
    for (int y = 0; y < height; y++) {
        std::fill(sums.begin(), sums.end(), 0);
        for (size_t k = 0; k < rows[y].weights.size(); k++) {
            const float *row = wide.row(rows[y].first + static_cast<int>(k));
            for (int x = 0; x < width; x++) {
                sums[x] += rows[y].weights[k] * row[x];
            }
        }
        std::copy(sums.begin(), sums.end(), result.row(y));
    }
    return result;
}
