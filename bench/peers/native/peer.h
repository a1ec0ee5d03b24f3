// A library that is raced, as serve.cpp drives it. Each program links serve.cpp and one file that defines make_peer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace peers {

using Json = nlohmann::json;
using Pair = std::array<int, 2>;  // rows, columns

// As Layer.fields() of layers.py writes it. pad_end and output_padding are never negative, and one of them is 0.
struct Layer {
    int batch, in_channels, out_channels, groups;
    Pair in_size, kernel, stride, dilation, pad_begin, pad_end, output_padding, size;
    bool bias;
    bool nhwc;         // layout of input and output
    std::string text;  // as tconv takes it

    size_t input_count() const { return count(batch, in_channels, in_size); }
    size_t filter_count() const { return count(in_channels, out_channels / groups, kernel); }
    size_t output_count() const { return count(batch, out_channels, size); }

private:
    static size_t count(int a, int b, const Pair &c) {
        return static_cast<size_t>(a) * static_cast<size_t>(b) * static_cast<size_t>(c[0]) * static_cast<size_t>(c[1]);
    }
};

// Floats on pages of their own, with room behind the last: XNNPACK may read past the end.
class Floats {
public:
    explicit Floats(size_t count) : count_(count) {
        const size_t bytes = (count * sizeof(float) + kSlack + kPage - 1) / kPage * kPage;
        data_.reset(static_cast<float *>(std::aligned_alloc(kPage, bytes)));
        if (data_ == nullptr)
            throw std::bad_alloc();
    }
    float *data() const { return data_.get(); }
    size_t size() const { return count_; }

private:
    static constexpr size_t kPage = 4096, kSlack = 64;
    struct Free {
        void operator()(float *block) const { std::free(block); }
    };
    size_t count_;
    std::unique_ptr<float, Free> data_;
};

struct Problem {
    Layer layer;
    Floats input, filter, bias;  // filter: IOHW; bias empty if the layer has none

    float *bias_or_null() const { return layer.bias ? bias.data() : nullptr; }
};

// The peer cannot do this layer, and why. Costs the layer, not the process.
struct Unsupported : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Peer {
public:
    virtual ~Peer() = default;
    virtual std::string version() const = 0;
    // Everything that is done once for a layer. Returns what is worth recording of it.
    virtual Json prepare(const Problem &problem) = 0;
    virtual void run() = 0;
    // The result in the problem's layout.
    virtual void read_output(float *to) = 0;
    virtual void release() = 0;
    // What this machine does at best for the prepared layer; only tconv answers.
    virtual Json rates() { return Json::object(); }
};

std::unique_ptr<Peer> make_peer(int threads);

}  // namespace peers
