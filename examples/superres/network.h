// FSRCNN over a picture of any size, out of layers that were compiled for one size of tile.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>

#include "planes.h"

// One compiled layer: what its header (made by `tconv compile`) says, as data.
struct Layer {
    const char *id, *kernel;
    double flops;
    size_t output_bytes, workspace_bytes, alignment;
    int (*run)(const void *input, void *output, void *workspace);
};

constexpr int kScale = 3;
// An output pixel depends on input pixels up to 8 away: 2 by `extract` (5x5), 4 by the four `map` (3x3), 2 by `upscale`
// (9x9 over pixels 3 apart). With as much of a halo around every tile, no kept pixel depends on where a tile ends.
constexpr int kHalo = 8;

class Network {
public:
    // `layers` run one after the other on a tile of height x width pixels plus the halo on every side.
    Network(std::span<const Layer> layers, int height, int width);

    // kScale times as wide and high. Outside of `low` its edge pixels are repeated.
    Plane enlarge(const Plane &low);

    // One run of the layers: [height + 2 kHalo][width + 2 kHalo] -> kScale times that. Valid until the next run.
    const float *run(const float *tile);

    std::span<const Layer> layers() const { return layers_; }
    // How long each layer took: [layer][tile], of all tiles so far.
    const std::vector<std::vector<std::chrono::duration<double>>> &times() const { return times_; }

private:
    struct Free {
        void operator()(void *block) const { std::free(block); }
    };
    using Buffer = std::unique_ptr<float, Free>;
    static Buffer allocate(size_t alignment, size_t bytes);

    std::span<const Layer> layers_;
    int height_, width_;
    std::vector<std::vector<std::chrono::duration<double>>> times_;
    std::vector<float> tile_;
    Buffer between_[2];  // layer i writes [i % 2] and reads the other
    Buffer workspace_;
};
