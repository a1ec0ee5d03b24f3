// The rows of schedules/device_variants.csv as they were when this program was built, as kernels without code.
#include "device_rows.h"

#include <sstream>

#include "device_kernels.h"

namespace tconv {

namespace compiler {
namespace {

constexpr const char *kTable =
#include "built_in_device_variants.inc"
    ;

tconv::Lanes lanes_of(const DeviceVariant &variant) {
    switch (variant.lanes) {
        case generators::Lanes::pixels:
            return tconv::Lanes::pixels;
        case generators::Lanes::depthwise:
            return tconv::Lanes::depthwise;
        case generators::Lanes::fragments:
            return tconv::Lanes::fragments;
        default:
            return tconv::Lanes::channels;
    }
}

int32_t dtype_of(const DeviceVariant &variant) {
    return variant.dtype == "f64"    ? TCONV_F64
           : variant.dtype == "f16"  ? TCONV_F16
           : variant.dtype == "bf16" ? TCONV_BF16
                                     : TCONV_F32;
}

DeviceKernel row_of(const DeviceVariant &variant) {
    const generators::DenseTile &t = variant.tile;
    DeviceKernel kernel = {};
    kernel.name = variant.name.c_str();
    kernel.dtype = dtype_of(variant);
    kernel.lanes = lanes_of(variant);
    kernel.form = variant.schedule.contiguous ? Form::vectors : variant.sums ? Form::sums : Form::any;
    kernel.direction = variant.of == generators::Of::layer ? Direction::output : Direction::input_gradient;
    kernel.a = t.a, kernel.lanes_a = t.lanes_a;
    kernel.x = t.x, kernel.y = t.y;
    kernel.lanes_x = t.lanes_x, kernel.lanes_y = t.lanes_y;
    kernel.warps = variant.schedule.warps;
    return kernel;
}

}  // namespace

const std::vector<DeviceVariant> &built_in_device_variants() {
    static const std::vector<DeviceVariant> variants = [] {
        std::istringstream table(kTable);
        return parse_device_variants(table, "device_variants.csv", "cuda");
    }();
    return variants;
}

}  // namespace compiler

std::span<const DeviceKernel> device_kernels() {
    static const std::vector<DeviceKernel> kernels = [] {
        std::vector<DeviceKernel> rows;
        for (const compiler::DeviceVariant &variant : compiler::built_in_device_variants())
            rows.push_back(compiler::row_of(variant));
        return rows;
    }();
    return kernels;
}

}  // namespace tconv
