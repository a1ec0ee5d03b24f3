#include "rank_one.h"

#include <cstddef>

#include "runner.h"

namespace tconv::testing {
namespace {

constexpr float kBias = 7;

Line random_line(Random &random) {
    Line line;
    line.stride = random.range(1, 4);
    line.dilation = random.chance(0.6) ? 1 : random.range(2, 3);
    line.x.resize(static_cast<size_t>(random.range(1, 6)));
    line.w.resize(static_cast<size_t>(random.range(1, 5)));
    for (Values *values : {&line.x, &line.w}) {
        for (double &value : *values)
            value = static_cast<double>(random.range(1, 9));
    }
    return line;
}

std::vector<float> outer(const Values &h, const Values &w, float added = 0) {
    std::vector<float> product;
    for (const double a : h) {
        for (const double b : w)
            product.push_back(static_cast<float>(a * b) + added);
    }
    return product;
}

}  // namespace

Lines random_lines(Random &random) {
    return {random_line(random), random_line(random)};
}

tconv_spec sizes_of(const Lines &lines) {
    tconv_spec spec;
    tconv_spec_init(&spec, sizeof spec);
    spec.in_channels = spec.out_channels = 1;
    spec.in_h = static_cast<int32_t>(lines.h.in());
    spec.in_w = static_cast<int32_t>(lines.w.in());
    spec.kernel_h = static_cast<int32_t>(lines.h.kernel());
    spec.kernel_w = static_cast<int32_t>(lines.w.kernel());
    return spec;
}

std::string compare_run(const tconv_spec &spec, const Lines &lines, int32_t weights, const Values &h, const Values &w) {
    int32_t out_h = 0, out_w = 0;
    if (tconv_spec_output_size(&spec, &out_h, &out_w) != TCONV_OK)
        return "the spec is not valid";
    const std::vector<float> expected = outer(h, w, kBias);
    if (static_cast<size_t>(out_h) != h.size() || static_cast<size_t>(out_w) != w.size()) {
        return "the output is " + std::to_string(out_h) + " x " + std::to_string(out_w) + ", not " +
               std::to_string(h.size()) + " x " + std::to_string(w.size());
    }
    tconv_spec direct = spec;
    direct.math = TCONV_MATH_STRICT;  // sums of integers, which are exact
    const Plan plan(direct);
    if (plan.status != TCONV_OK)
        return tconv_status_string(plan.status);

    const std::vector<float> x = outer(lines.h.x, lines.w.x), filter = outer(lines.h.w, lines.w.w);
    std::vector<float> y(expected.size());
    Block packed(plan.needs.packed_filter_bytes), workspace(plan.needs.workspace_bytes);
    tconv_tensors tensors;
    tconv_tensors_init(&tensors, sizeof tensors);
    tconv_view view;
    tconv_status status = tconv_profile_filter(&spec, weights, filter.data(), &view, nullptr, 0);
    if (status == TCONV_OK)
        status = tconv_pack_filter(plan.get(), &view, packed.data(), packed.size());
    if (status == TCONV_OK)
        status = tconv_view_input(&spec, TCONV_NCHW, x.data(), &tensors.input);
    if (status == TCONV_OK)
        status = tconv_view_output(&spec, TCONV_NCHW, y.data(), &tensors.output);
    tensors.packed_filter = packed.data();
    tensors.bias = &kBias;
    tensors.workspace = workspace.data();
    tensors.workspace_bytes = workspace.size();
    if (status == TCONV_OK)
        status = tconv_run(plan.get(), &tensors);
    if (status != TCONV_OK)
        return tconv_status_string(status);
    for (size_t i = 0; i < y.size(); ++i) {
        if (y[i] != expected[i]) {
            return "row " + std::to_string(i / w.size()) + ", column " + std::to_string(i % w.size()) + " is " +
                   std::to_string(y[i]) + ", not " + std::to_string(expected[i]);
        }
    }
    return "";
}

}  // namespace tconv::testing
