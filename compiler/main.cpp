// tconv-compiler: the part of tconv that needs Halide.
#include <CLI/CLI.hpp>
#include <iostream>

#include "Halide.h"

#include "catalogue.h"
#include "compile/compile_command.h"

namespace {

// Halide's messages, but for one that says nothing new: that half precision is converted in integers where a processor
// lacks the instruction.
class Messages : public Halide::CompileTimeErrorReporter {
public:
    void warning(const char *message) override {
        if (std::string(message).find("float16 type operation is emulated") == std::string::npos)
            std::cerr << message;
    }
    [[noreturn]] void error(const char *message) override { throw Halide::CompileError(message); }
};

}  // namespace

int main(int argc, char **argv) {
    Messages messages;
    Halide::set_custom_compile_time_error_reporter(&messages);
    CLI::App app("Compiles transposed convolution kernels. `tconv compile` runs it; `catalogue` builds libtconv.");
    app.require_subcommand(1);

    tconv::compiler::CatalogueOptions catalogue;
    CLI::App *build = app.add_subcommand("catalogue", "compile every variant for dynamic sizes");
    build->add_option("--variants", catalogue.variants, "the variant table (schedules/variants.csv)")->required();
    build->add_option("--arch", catalogue.architecture, "x86-64 or arm-64")->capture_default_str();
    build->add_option("--isas", catalogue.isas, "only these instruction sets")->delimiter(',');
    build->add_option("--dtypes", catalogue.dtypes, "only these element types")->delimiter(',');
    build->add_option("--families", catalogue.families, "only these families")->delimiter(',');
    build->add_option("--sanitize", catalogue.features, "instrument the kernels: asan or tsan")->delimiter(',');
    build->add_option("--out", catalogue.out, "folder for catalogue.a and registry.inc")->required();
    build->add_flag("--assembly", catalogue.assembly, "also write <isa>_stages.s and <isa>_layers.s");

    tconv::compiler::CompileCommand compile;
    CLI::App *layers = app.add_subcommand("compile", "a layer, all sizes fixed, as libNAME.a and NAME.h");
    add_compile_options(*layers, compile);

    try {
        app.parse(argc, argv);
        if (*build) {
            build_catalogue(catalogue);
        } else {
            run_compile(compile);
        }
        return 0;
    } catch (const CLI::ParseError &error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const Halide::Error &error) {
        std::cerr << "tconv-compiler: Halide: " << error.what() << "\n";
        return 1;
    } catch (const std::exception &error) {
        std::cerr << "tconv-compiler: " << error.what() << "\n";
        return 2;
    }
}
