#include "network.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>

Network::Network(std::span<const Layer> layers, int height, int width)
    : layers_(layers),
      height_(height),
      width_(width),
      times_(layers.size()),
      tile_(static_cast<size_t>(height + 2 * kHalo) * (width + 2 * kHalo)) {
    size_t output[2] = {}, workspace = 0, alignment = 1;
    for (size_t i = 0; i < layers.size(); i++) {
        output[i % 2] = std::max(output[i % 2], layers[i].output_bytes);
        workspace = std::max(workspace, layers[i].workspace_bytes);
        alignment = std::max(alignment, layers[i].alignment);
    }
    between_[0] = allocate(alignment, output[0]);
    between_[1] = allocate(alignment, output[1]);
    workspace_ = allocate(alignment, workspace);
}

Network::Buffer Network::allocate(size_t alignment, size_t bytes) {
    const size_t whole = (bytes / alignment + 1) * alignment;  // aligned_alloc wants a multiple
    auto *block = static_cast<float *>(std::aligned_alloc(alignment, whole));
    if (!block) {
        throw std::bad_alloc();
    }
    return Buffer(block);
}

const float *Network::run(const float *tile) {
    const float *from = tile;
    for (size_t i = 0; i < layers_.size(); i++) {
        float *to = between_[i % 2].get();
        const auto start = std::chrono::steady_clock::now();
        const int status = layers_[i].run(from, to, workspace_.get());
        times_[i].push_back(std::chrono::steady_clock::now() - start);
        if (status != 0) {
            throw std::runtime_error(std::string("layer ") + layers_[i].id + " returned " + std::to_string(status));
        }
        from = to;
    }
    return from;
}

Plane Network::enlarge(const Plane &low) {
    Plane high(low.width * kScale, low.height * kScale);
    const int input_width = width_ + 2 * kHalo, output_width = input_width * kScale;
    for (int top = 0; top < low.height; top += height_) {
        for (int left = 0; left < low.width; left += width_) {
            for (int y = 0; y < height_ + 2 * kHalo; y++) {
                const float *row = low.row(std::clamp(top - kHalo + y, 0, low.height - 1));
                for (int x = 0; x < input_width; x++) {
                    tile_[static_cast<size_t>(y) * input_width + x] =
                        row[std::clamp(left - kHalo + x, 0, low.width - 1)];
                }
            }
            const float *inside = run(tile_.data()) + kScale * kHalo * (output_width + 1);
            const int rows = kScale * std::min(height_, low.height - top);
            const int columns = kScale * std::min(width_, low.width - left);
            for (int y = 0; y < rows; y++) {
                std::copy_n(inside + static_cast<size_t>(y) * output_width, columns,
                            high.row(kScale * top + y) + kScale * left);
            }
        }
    }
    return high;
}
