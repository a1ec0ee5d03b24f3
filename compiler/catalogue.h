// The catalogue: every row of the variant table compiled for dynamic sizes, and the registry that lists them.
#pragma once

#include <string>
#include <vector>

namespace tconv::compiler {

struct CatalogueOptions {
    std::string variants;  // schedules/variants.csv
    std::string architecture = "x86-64";
    std::string os = "linux";
    std::vector<std::string> isas;      // empty: all of the architecture
    std::vector<std::string> families;  // empty: all
    std::vector<std::string> dtypes;    // empty: all
    std::vector<std::string> features;  // sanitizers: asan, tsan
    std::string out;                    // folder; receives catalogue.a and registry.inc
    bool assembly = false;              // also <isa>_<f32|f64>_stages.s and ..._layers.s
    bool multiply_only = false;         // nothing but <isa>_<f32|f64>_multiply.s, the loops where nearly all time is spent
};

// Throws std::runtime_error; leaves no partial output.
void build_catalogue(const CatalogueOptions &options);

}  // namespace tconv::compiler
