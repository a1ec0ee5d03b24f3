#include "kernels.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "reference.h"

namespace tconv::testing {
namespace {

constexpr std::pair<int32_t, const char *> kDtypes[] = {{TCONV_F32, "f32"},   {TCONV_F64, "f64"}, {TCONV_F16, "f16"},
                                                         {TCONV_BF16, "bf16"}, {TCONV_S8, "s8"},   {TCONV_U8, "u8"},
                                                         {TCONV_S32, "s32"}};

constexpr int32_t kMostResidues = 16;

bool of_planes(const KernelName &kernel) {
    return kernel.lanes == "planes" || kernel.lanes == "woven";
}

// Planes weave a vector of each phase of a row in one tile, and at most four.
int32_t most_phases(const KernelName &kernel) {
    const int32_t vector_bytes = kernel.isa == "avx512" ? 64 : kernel.isa == "avx2" ? 32 : 16;
    return std::min(4, kernel.tile_m * (kernel.dtype == "f64" ? 8 : 4) / vector_bytes);
}

}  // namespace

bool parse_kernel_name(const std::string &name, KernelName *parsed) {
    std::vector<std::string> parts;
    std::istringstream stream(name);
    for (std::string part; std::getline(stream, part, '_');)
        parts.push_back(part);
    if (parts.size() < 4 || parts.size() > 5 || parts[0] != "tconv")
        return false;
    *parsed = {};
    parsed->dtype = parts[1], parsed->family = parts[2], parsed->isa = parts.back();
    if (parts.size() == 4)
        return true;
    const std::string &tile = parts[3];
    const size_t digits = tile.find_first_of("0123456789");
    if (digits == 0 || digits == std::string::npos)
        return false;
    parsed->lanes = tile.substr(0, digits);
    char rest;
    return std::sscanf(tile.c_str() + digits, "%dx%d%c", &parsed->tile_a, &parsed->tile_m, &rest) == 2;
}

int KernelName::winograd_outputs() const {
    const std::string prefix = "winograd";
    return family.rfind(prefix, 0) == 0 ? std::atoi(family.c_str() + prefix.size()) : 0;
}

bool multiplies_pairs(const std::string &kernel) {
    KernelName parsed;
    return parse_kernel_name(kernel, &parsed) && parsed.isa == "avx512bf16";
}

bool adds_overlaps(const std::string &kernel) {
    KernelName parsed;
    return parse_kernel_name(kernel, &parsed) && parsed.family == "overlap";
}

namespace {

// Whether groups may be too many or their channels, staged once for each lane of their group, more than a task's scratch
// holds. `lanes` are those of all groups, each of which adds up `channels`.
bool groups_may_exceed_lanes(const KernelName &kernel, const tconv_spec &s, int32_t lanes, int32_t channels,
                             int64_t phases) {
    constexpr int kMostOfGroup = 32;
    if (s.in_channels == s.groups && s.out_channels == s.groups)
        return false;
    if (s.groups == 1 || std::max(s.in_channels, s.out_channels) / s.groups > kMostOfGroup)
        return true;
    const auto reach = [](int64_t size, int64_t stride, int64_t dilation) { return dilation * (size - 1) / stride; };
    const bool by_row = s.activation == TCONV_ACT_SOFTMAX && s.softmax_axis == TCONV_AXIS_LAST;
    const int64_t rows = reach(s.kernel_h, s.stride_h, s.dilation_h) + 1,
                  halo = reach(s.kernel_w, s.stride_w, s.dilation_w);
    const int64_t columns = by_row ? reference::output_size(s).w / s.stride_w + 2 + halo : 2 * (halo + 2);
    const int64_t all_lanes = (lanes + kernel.tile_a - 1) / kernel.tile_a * kernel.tile_a;
    return phases * rows * columns * channels * all_lanes * 8 > 1 << 20;
}

}  // namespace

bool may_refuse(const KernelName &kernel, const tconv_spec &s) {
    if (kernel.family == "overlap") {
        // Products of what makes up a vector of outputs, in bytes.
        const int64_t lanes = int64_t{s.kernel_h} * s.kernel_w * s.out_channels;
        const int64_t inputs = (s.kernel_h / s.stride_h + 2) * (s.kernel_w / s.stride_w + 34);
        return s.math == TCONV_MATH_STRICT || s.groups != 1 || s.dilation_h != 1 || s.dilation_w != 1 ||
               (s.activation == TCONV_ACT_SOFTMAX && s.softmax_axis == TCONV_AXIS_LAST) || s.kernel_h < s.stride_h ||
               s.kernel_w < s.stride_w || (s.kernel_h == s.stride_h && s.kernel_w == s.stride_w) ||
               lanes * inputs * 8 > 1 << 20;
    }
    if (kernel.winograd_outputs() > 0) {
        // Tiles of six points at most; all residues of a row of a task at once, which large dilations leave no memory for.
        const int64_t most_taps = 7 - kernel.winograd_outputs();
        const auto suits = [&](int64_t size, int64_t stride, int64_t dilation) {
            return stride <= size && size <= most_taps * stride && (stride == 1 || dilation == 1);
        };
        return s.math == TCONV_MATH_STRICT || s.groups != 1 || s.dilation_w > kMostResidues ||
               (s.activation == TCONV_ACT_SOFTMAX && (s.softmax_axis == TCONV_AXIS_LAST || s.dilation_w != 1)) ||
               !suits(s.kernel_h, s.stride_h, s.dilation_h) || !suits(s.kernel_w, s.stride_w, s.dilation_w) ||
               (s.kernel_h == s.stride_h && s.kernel_w == s.stride_w);
    }
    if (kernel.isa == "avx512bf16" && s.math == TCONV_MATH_STRICT)
        return true;
    if (kernel.lanes == "depthwise")
        return groups_may_exceed_lanes(kernel, s, s.out_channels, s.in_channels / s.groups, 1);
    if (kernel.lanes == "woven") {
        constexpr int kMostChannels = 256;
        return s.stride_w > most_phases(kernel) || s.kernel_w != s.stride_w || (s.kernel_w > 1 && s.dilation_w != 1) ||
               s.pad_left % s.stride_w != 0 || s.activation == TCONV_ACT_SOFTMAX ||
               s.out_channels / s.groups % kernel.tile_a != 0 || s.in_channels / s.groups > kMostChannels;
    }
    if (kernel.lanes == "planes") {
        constexpr int kMostOfGroup = 32;
        const int32_t outputs = s.out_channels / s.groups;
        return s.stride_w > most_phases(kernel) || s.activation == TCONV_ACT_SOFTMAX || outputs % kernel.tile_a != 0 ||
               outputs > kMostOfGroup || s.in_channels / s.groups > kMostOfGroup;
    }
    if (kernel.lanes == "merged") {
        return s.stride_w == 1 || (s.activation == TCONV_ACT_SOFTMAX && s.softmax_axis == TCONV_AXIS_LAST) ||
               (s.math == TCONV_MATH_STRICT && (s.kernel_w % s.stride_w != 0 || s.dilation_w != 1));
    }
    return false;
}

bool may_refuse_gradient(const KernelName &kernel, const tconv_spec &s, int32_t which) {
    if (which == TCONV_GRADIENT_BIAS)
        return false;
    if (kernel.isa == "avx512bf16" && (which == TCONV_GRADIENT_FILTER || s.math == TCONV_MATH_STRICT))
        return true;
    if (kernel.lanes == "depthwise") {
        if (which == TCONV_GRADIENT_FILTER)
            return s.in_channels != s.groups || s.out_channels != s.groups;
        const int64_t phases = int64_t{std::min(s.kernel_h, s.stride_h)} * std::min(s.kernel_w, s.stride_w);
        return groups_may_exceed_lanes(kernel, s, s.in_channels, s.out_channels / s.groups, phases);
    }
    if (kernel.winograd_outputs() > 0 || kernel.family == "overlap")
        return true;
    return kernel.lanes != "channels" && (which == TCONV_GRADIENT_FILTER || kernel.lanes != "pixels");
}

int32_t dtype_of(const std::string &kernel) {
    KernelName parsed;
    parse_kernel_name(kernel, &parsed);
    for (const auto &[dtype, name] : kDtypes) {
        if (parsed.dtype == name)
            return dtype;
    }
    std::fprintf(stderr, "kernel %s: no element type in its name\n", kernel.c_str());
    std::abort();
}

std::string dtype_text(int32_t dtype) {
    for (const auto &[value, name] : kDtypes) {
        if (dtype == value)
            return name;
    }
    return "dtype " + std::to_string(dtype);
}

std::vector<std::string> all_kernels() {
    std::vector<std::string> names;
    for (int32_t i = 0; i < tconv_kernel_count(); ++i)
        names.emplace_back(tconv_kernel_name(i));
    return names;
}

bool is_gather(const std::string &kernel) {
    KernelName name;
    return parse_kernel_name(kernel, &name) && name.family == "gather";
}

bool has_gather() {
    return std::ranges::any_of(all_kernels(), is_gather);
}

std::vector<std::string> usable_kernels() {
    std::vector<std::string> names;
    tconv_spec spec;
    tconv_spec_init(&spec, sizeof spec);
    spec.in_channels = spec.out_channels = spec.groups = spec.in_h = spec.in_w = 1;
    spec.kernel_h = 4, spec.stride_h = spec.stride_w = 2;  // what every other family computes
    const char *const only = std::getenv("TCONV_TEST_DTYPE");
    for (const std::string &name : all_kernels()) {
        tconv_plan *plan = nullptr;
        spec.dtype = dtype_of(name);
        if (only != nullptr && dtype_text(spec.dtype) != only)
            continue;
        KernelName parsed;
        parse_kernel_name(name, &parsed);
        spec.out_channels = of_planes(parsed) ? parsed.tile_a : 1;  // whole tiles of outputs
        spec.kernel_w = parsed.lanes == "woven" ? 2 : 4;            // one tap a phase
        if (tconv_plan_create(&spec, name.c_str(), nullptr, &plan) == TCONV_OK)
            names.push_back(name);
        tconv_plan_destroy(plan);
    }
    return names;
}

const std::vector<int32_t> &dtypes() {
    static const std::vector<int32_t> all = [] {
        std::vector<int32_t> found;
        for (const std::string &kernel : usable_kernels()) {
            if (std::find(found.begin(), found.end(), dtype_of(kernel)) == found.end())
                found.push_back(dtype_of(kernel));
        }
        std::sort(found.begin(), found.end());
        return found;
    }();
    return all;
}

int32_t dtype_of_case(uint64_t index) {
    return dtypes()[index % dtypes().size()];
}

CaseKind kind_of(const KernelName &kernel, const tconv_spec &s, Placement placement) {
    CaseKind kind;
    const reference::Size out = reference::output_size(s);
    // Kernels without a tile (gather) are cut by their blocks only; odd sizes stand for ragged ones.
    const int tile = kernel.winograd_outputs() > 0 ? kernel.winograd_outputs() : kernel.tile_m;
    const int a = kernel.tile_a > 0 ? kernel.tile_a : 2, m = tile > 0 ? tile : 2;
    const int64_t lanes = kernel.family == "overlap"    ? int64_t{1} * s.kernel_h * s.kernel_w * s.out_channels
                          : kernel.lanes == "depthwise" ? s.out_channels
                          : kernel.lanes == "merged"    ? int64_t{1} * s.out_channels / s.groups * s.stride_w
                                                        : s.out_channels / s.groups;
    const int64_t columns = kernel.family == "gather"    ? out.w
                            : kernel.family == "overlap" ? s.in_w
                                                         : (out.w + s.stride_w - 1) / s.stride_w;
    // Planes compute whole blocks of outputs only.
    kind.ragged = (a == 1 || of_planes(kernel) || lanes % a != 0) && columns % m != 0;
    kind.strided_view = placement == Placement::kSlice || placement == Placement::kShuffled;
    kind.asymmetric = (s.pad_top != s.pad_bottom || s.pad_left != s.pad_right) &&
                      (s.stride_h != s.stride_w || s.kernel_h != s.kernel_w || s.in_h != s.in_w);
    return kind;
}

}  // namespace tconv::testing
