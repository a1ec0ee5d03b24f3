#include "kernel_rows.h"

#include <algorithm>
#include <stdexcept>

#include "tconv/selection.h"
#include "tuned_choice.h"
#include "variants.h"

namespace tconv::compiler {

using namespace Halide;
using generators::Element;

namespace {

tconv_dtype dtype_of(Element element) {
    switch (element) {
        case Element::f64:
            return TCONV_F64;
        case Element::f16:
        case Element::f16_bits:
            return TCONV_F16;
        case Element::bf16:
        case Element::bf16_pairs:
            return TCONV_BF16;
        case Element::f32:
            break;
    }
    return TCONV_F32;
}

// Dot products of bfloat16 pairs are fast on AMD's processors, and no target of Halide's names one of Intel's that has
// them but Sapphire Rapids.
int fmas_per_dot_of(const Target &target) {
    return target.has_feature(Target::AVX512_SapphireRapids) ? 4 : 1;
}

Isa isa_named(const std::string &name) {
    Isa isa;
    if (!isa_from_name(name.c_str(), &isa)) {
        throw std::logic_error("no instruction set called " + name);
    }
    return isa;
}

}  // namespace

KernelRows::KernelRows(const Target &target, bool size, const std::string &named)
    : variants_(built_in_variants()),
      usable_(isa_named(isa_of_target(target))),
      fmas_per_dot_(fmas_per_dot_of(target)),
      named_(!named.empty()) {
    const auto finds = tool::kernel_filter(named);
    for (Variant &variant : variants_) {
        const Isa isa = isa_named(variant.isa);
        if (!same_vectors(isa, usable_) || !isa_runs(isa, usable_) || (size && variant.winograd_outputs() > 0) ||
            !finds(variant.name.c_str())) {
            continue;
        }
        if (size) {
            const int vector = vector_of(target, variant.element());
            variant.tile_m = std::min(variant.tile_m, variant.lanes == "pixels" ? 3 * vector
                                                      : variant.planes()        ? 4 * vector
                                                                                : 3);
        }
        Kernel kernel = {};
        kernel.name = variant.name.c_str();
        kernel.dtype = dtype_of(variant.element());
        kernel.family = variant.family == "gather"        ? Family::gather
                        : variant.overlap()               ? Family::overlap
                        : variant.winograd_outputs() == 2 ? Family::winograd2
                        : variant.winograd_outputs() == 3 ? Family::winograd3
                        : variant.winograd_outputs() == 4 ? Family::winograd4
                                                          : Family::phase;
        kernel.lanes = variant.family == "gather"  ? Lanes::none
                       : variant.merged()          ? Lanes::merged
                       : variant.lanes == "pixels" ? Lanes::pixels
                       : variant.depthwise()       ? Lanes::depthwise
                       : variant.woven()           ? Lanes::woven
                       : variant.planes()          ? Lanes::planes
                                                   : Lanes::channels;
        kernel.isa = isa;
        kernel.tile_a = variant.tile_a;
        kernel.tile_m = variant.tile_m;
        kernel.vector = vector_of(target, variant.element());
        kernels_.push_back(kernel);
    }
    if (kernels_.empty()) {
        throw tool::Failure(tool::kBadInput, "--kernel '" + named + "' matches no kernel for " + isa_of_target(target) +
                                                 " and below; tconv list prints their names");
    }
}

Choice KernelRows::choose(const tconv_spec &spec, const TunedSources &tables, Message &rows) const {
    char text[256];
    Message error(text, sizeof text), silent(nullptr, 0);
    Choice choice;
    const tconv_status status =
        choose_kernel(spec, Direction::output, kernels_, usable_, fmas_per_dot_, &choice, silent, error);
    if (status != TCONV_OK) {
        throw tool::Failure(tool::exit_code_of(status), text);
    }
    follow_tuned_rows(spec, kernels_, named_, usable_, fmas_per_dot_, tables, &choice, rows, rows);
    return choice;
}

const Variant &KernelRows::variant_of(const Choice &choice) const {
    for (const Variant &variant : variants_) {
        if (variant.name == choice.kernel->name) {
            return variant;
        }
    }
    throw std::logic_error("a kernel without a row");
}

}  // namespace tconv::compiler
