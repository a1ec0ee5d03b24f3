// schedules/variants.csv: the one table that drives the build, the registry, the tests and the bench.
#pragma once

#include <string>
#include <vector>

#include "Halide.h"
#include "layer/stages.h"

namespace tconv::compiler {

// Rows in the order of the file; throws std::runtime_error with the line for a malformed one.
std::vector<Variant> read_variants(const std::string &path);

// The table as it was when this program was built.
std::vector<Variant> built_in_variants();

// The highest ISA of our list that a target has.
std::string isa_of_target(const Halide::Target &target);

// The Halide target of an ISA (baseline, avx2, avx512, avx512bf16, neon) on an operating system ("linux", "android", ...), with
// `features` added (asan, tsan).
Halide::Target target_of_isa(const std::string &isa, const std::string &os, const std::vector<std::string> &features);

// The ISAs of an architecture, lowest first.
std::vector<std::string> isas_of(const std::string &architecture);

}  // namespace tconv::compiler
