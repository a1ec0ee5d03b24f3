#include "variants.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "layer_params.h"

namespace tconv::compiler {

using namespace Halide;

namespace {

// The multiply loops of Winograd's tiles fetch the weights of the next point while they multiply those of this one, for 64
// KiB a unit that no cache holds: 192 channels to 192 with a 5 x 5 kernel and stride 2 ran at 120 % of the FMA peak for it
// instead of 97 (Ice Lake). Direct loops, which pass over more of their weights, ran 5 to 15 % slower with such fetches.
constexpr int kWinogradLinesAhead = 2;

const char *const built_in =
#include "built_in_variants.inc"
    ;

std::vector<Variant> parse(std::istream &file, const std::string &path) {
    std::vector<Variant> variants;
    std::string line;
    std::getline(file, line);
    if (line != "dtypes,family,lanes,isa,tile_a,tile_m") {
        throw std::runtime_error(path + ":1: the header is not dtypes,family,lanes,isa,tile_a,tile_m");
    }
    for (int number = 2; std::getline(file, line); number++) {
        std::istringstream fields(line);
        Variant variant;
        std::string dtypes, tile_a, tile_m;
        std::getline(fields, dtypes, ',');
        std::getline(fields, variant.family, ',');
        std::getline(fields, variant.lanes, ',');
        std::getline(fields, variant.isa, ',');
        std::getline(fields, tile_a, ',');
        try {
            variant.tile_a = std::stoi(tile_a);
            std::getline(fields, tile_m);
            variant.tile_m = std::stoi(tile_m);
            // docs/naming.md
            std::string rest = "_" + variant.family;
            if (variant.overlap() && variant.lanes != "merged" && variant.lanes != "pixels") {
                throw std::invalid_argument("family overlap is for lanes merged or pixels");
            }
            if (variant.family == "phase" || variant.overlap() || variant.winograd_outputs() > 0) {
                variant.multiply_lanes();
                rest += "_" + variant.lanes + tile_a + "x" + tile_m;
            } else if (variant.family != "gather") {
                throw std::invalid_argument("family '" + variant.family +
                                            "' is none of phase, overlap, winograd2, winograd3, winograd4, gather");
            }
            rest += "_" + variant.isa;
            std::istringstream of_row(dtypes);
            while (std::getline(of_row, variant.dtype, '|')) {
                variant.element();
                variant.name = "tconv_" + variant.dtype + rest;
                variants.push_back(variant);
            }
        } catch (const std::exception &error) {
            throw std::runtime_error(path + ":" + std::to_string(number) + ": '" + line + "': " + error.what());
        }
    }
    return variants;
}

}  // namespace

int Variant::lines_ahead(int channels) const {
    if (winograd_outputs() > 0)
        return kWinogradLinesAhead;
    if (!overlap())
        return 0;
    // Of the segment that is staged next, as much as so many channels of this one are; when planar one line of each plane,
    // since the lane blocks take turns.
    const int line = kPanelBytes / generators::computed_type(element()).bytes();
    return merged() ? (channels * tile_m + line - 1) / line : channels;
}

std::string Variant::multiply_key() const {
    const std::string form = winograd_outputs() > 0 ? "winograd_" : overlap() ? "overlap_" : "";
    return form + (merged() ? "channels" : lanes) + std::to_string(tile_a) + "x" + std::to_string(tile_m);
}

std::vector<Variant> read_variants(const std::string &path) {
    std::ifstream file(path);
    if (!file) {
        throw std::runtime_error("cannot read the variant table " + path);
    }
    return parse(file, path);
}

std::vector<Variant> built_in_variants() {
    std::istringstream table(built_in);
    return parse(table, "variants.csv");
}

std::string isa_of_target(const Target &target) {
    if (target.arch == Target::ARM && target.bits == 64) {
        return "neon";
    }
    if (target.arch != Target::X86 || target.bits != 64) {
        throw std::runtime_error("target '" + target.to_string() + "': there are schedules for x86-64 and arm-64");
    }
    if (target.has_feature(Target::AVX512_Zen4) || target.has_feature(Target::AVX512_SapphireRapids)) {
        return "avx512bf16";
    }
    if (target.has_feature(Target::AVX512_Skylake)) {
        return "avx512";
    }
    return target.has_feature(Target::AVX2) && target.has_feature(Target::FMA) ? "avx2" : "baseline";
}

Target target_of_isa(const std::string &isa, const std::string &os, const std::vector<std::string> &features) {
    // arm_fp16 keeps Halide from computing half precision in integers. Only conversions are left to compile, and those
    // are base ARMv8 (tests/cross runs them on a processor without the extension).
    std::string name = isa == "neon" ? "arm-64-" + os + "-arm_fp16" : "x86-64-" + os;
    if (isa == "avx2" || isa == "avx512" || isa == "avx512bf16") {
        name += "-sse41-avx-f16c-fma-avx2";
    }
    if (isa == "avx512" || isa == "avx512bf16") {
        name += "-avx512-avx512_skylake";
    }
    if (isa == "avx512bf16") {
        name += "-avx512_cannonlake-avx512_zen4";
    }
    // Kernels check nothing and call nothing: the runtime checks before it calls them, and owns all memory.
    name += "-no_asserts-no_bounds_query-no_runtime";
    for (const std::string &feature : features) {
        name += "-" + feature;
    }
    return Target(name);
}

std::vector<std::string> isas_of(const std::string &architecture) {
    if (architecture == "x86-64")
        return {"baseline", "avx2", "avx512", "avx512bf16"};
    if (architecture == "arm-64")
        return {"neon"};
    throw std::runtime_error("architecture '" + architecture + "' is none of x86-64, arm-64");
}

}  // namespace tconv::compiler
