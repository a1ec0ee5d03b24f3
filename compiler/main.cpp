// tconv-compiler: the part of tconv that needs Halide.
#include <getopt.h>

#include <iostream>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "Halide.h"

#include "catalogue.h"
#include "device/device_catalogue.h"
#include "tconv/failure.h"
#ifdef TCONV_LAYER_COMPILER
#include "compile/compile_command.h"
#endif

namespace {

using tconv::compiler::CatalogueOptions;
using tconv::compiler::DeviceCatalogueOptions;

constexpr const char *kUsage =
    "tconv-compiler compiles transposed convolution kernels with Halide.\n"
    "  tconv-compiler compile ...     a layer, all sizes fixed, as a library; `tconv compile` runs it: see --help "
    "there\n"
    "  tconv-compiler catalogue ...   every variant for dynamic sizes, of which libtconv is built:\n"
    "      --variants FILE      the variant table (schedules/variants.csv); required\n"
    "      --out FOLDER         for catalogue.a and registry.inc; required\n"
    "      --arch NAME          x86-64 (default) or arm-64\n"
    "      --isas, --dtypes, --families A,B,...\n"
    "                           only these instruction sets, element types, families\n"
    "      --sanitize A,B       instrument the kernels: asan or tsan\n"
    "      --assembly           also write <isa>_<f32|f64>_stages.s and ..._layers.s\n"
    "      --multiply-only      write <isa>_<f32|f64>_multiply.s and nothing else: what scripts/inner_loops.py reads\n"
    "  tconv-compiler device ...      every variant for devices, of which libtconv_cuda is built:\n"
    "      --variants FILE      the variant table (schedules/device_variants.csv); required\n"
    "      --gradients FILE     that of the filter's gradient (schedules/device_gradients.csv); required\n"
    "      --out FOLDER         for kernels.a and device_registry.inc; required\n"
    "      --api cuda|opencl    opencl is for tests without a GPU, with Halide's runtime in kernels.a\n"
    "      --archs 80,90,...    machine code for these, by --ptxas PROGRAM; PTX for later ones is always there\n";

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

std::vector<std::string> split(const std::string &list) {
    std::vector<std::string> parts;
    std::istringstream stream(list);
    for (std::string part; std::getline(stream, part, ',');)
        parts.push_back(part);
    return parts;
}

// By getopt_long: to build libtconv takes a compiler and Halide, and no other library.
CatalogueOptions parse_catalogue(int argc, char **argv) {
    enum { kVariants, kOut, kArch, kIsas, kDtypes, kFamilies, kSanitize, kAssembly, kMultiplyOnly };
    const option known[] = {{"variants", required_argument, nullptr, kVariants},
                            {"out", required_argument, nullptr, kOut},
                            {"arch", required_argument, nullptr, kArch},
                            {"isas", required_argument, nullptr, kIsas},
                            {"dtypes", required_argument, nullptr, kDtypes},
                            {"families", required_argument, nullptr, kFamilies},
                            {"sanitize", required_argument, nullptr, kSanitize},
                            {"assembly", no_argument, nullptr, kAssembly},
                            {"multiply-only", no_argument, nullptr, kMultiplyOnly},
                            {nullptr, 0, nullptr, 0}};
    CatalogueOptions options;
    for (;;) {
        switch (getopt_long(argc, argv, "", known, nullptr)) {
            case kVariants:
                options.variants = optarg;
                continue;
            case kOut:
                options.out = optarg;
                continue;
            case kArch:
                options.architecture = optarg;
                continue;
            case kIsas:
                options.isas = split(optarg);
                continue;
            case kDtypes:
                options.dtypes = split(optarg);
                continue;
            case kFamilies:
                options.families = split(optarg);
                continue;
            case kSanitize:
                options.features = split(optarg);
                continue;
            case kAssembly:
                options.assembly = true;
                continue;
            case kMultiplyOnly:
                options.multiply_only = true;
                continue;
            case -1:
                break;
            default:
                throw std::invalid_argument("catalogue: no such option, or its value is missing; see --help");
        }
        break;
    }
    if (optind < argc)
        throw std::invalid_argument(std::string("catalogue: '") + argv[optind] + "' is no option");
    if (options.variants.empty() || options.out.empty())
        throw std::invalid_argument("catalogue: --variants and --out are required");
    return options;
}

DeviceCatalogueOptions parse_device_catalogue(int argc, char **argv) {
    enum { kVariants, kGradients, kApi, kArchs, kPtxas, kOut };
    const option known[] = {{"variants", required_argument, nullptr, kVariants},
                            {"gradients", required_argument, nullptr, kGradients},
                            {"api", required_argument, nullptr, kApi},
                            {"archs", required_argument, nullptr, kArchs},
                            {"ptxas", required_argument, nullptr, kPtxas},
                            {"out", required_argument, nullptr, kOut},
                            {nullptr, 0, nullptr, 0}};
    DeviceCatalogueOptions options;
    for (int chosen; (chosen = getopt_long(argc, argv, "", known, nullptr)) != -1;) {
        switch (chosen) {
            case kVariants:
                options.variants = optarg;
                break;
            case kGradients:
                options.gradients = optarg;
                break;
            case kApi:
                options.api = optarg;
                break;
            case kArchs:
                for (const std::string &arch : split(optarg))
                    options.archs.push_back(std::stoi(arch));
                break;
            case kPtxas:
                options.ptxas = optarg;
                break;
            case kOut:
                options.out = optarg;
                break;
            default:
                throw std::invalid_argument("device: no such option, or its value is missing; see --help");
        }
    }
    if (optind < argc || options.variants.empty() || options.gradients.empty() || options.out.empty())
        throw std::invalid_argument("device: --variants, --gradients and --out are required, and nothing but options");
    if (options.api != "cuda" && options.api != "opencl")
        throw std::invalid_argument("device: --api is cuda or opencl, not '" + options.api + "'");
    if (!options.archs.empty() && options.ptxas.empty())
        throw std::invalid_argument("device: --archs needs --ptxas");
    return options;
}

int run(int argc, char **argv) {
    const std::string command = argc > 1 ? argv[1] : "";
    if (command == "--help" || command == "-h") {
        std::cout << kUsage;
        return 0;
    }
    if (command == "catalogue") {
        build_catalogue(parse_catalogue(argc - 1, argv + 1));
        return 0;
    }
    if (command == "device") {
        build_device_catalogue(parse_device_catalogue(argc - 1, argv + 1));
        return 0;
    }
    if (command != "compile")
        throw std::invalid_argument("'" + command + "' is no command; there are compile, catalogue and device");
#ifdef TCONV_LAYER_COMPILER
    return tconv::compiler::compile_command(argc, argv);
#else
    throw tconv::tool::Failure(tconv::tool::kUnsupported,
                               "this one was built without the compile command (TCONV_BUILD_LAYER_COMPILER=OFF)");
#endif
}

}  // namespace

int main(int argc, char **argv) {
    Messages messages;
    Halide::set_custom_compile_time_error_reporter(&messages);
    try {
        return run(argc, argv);
    } catch (const tconv::tool::Failure &failure) {
        std::cerr << "tconv-compiler: " << failure.what() << "\n";
        return failure.code;
    } catch (const Halide::Error &error) {
        // What was asked for has been looked at before: this Halide cannot do it.
        std::cerr << "tconv-compiler: Halide: " << error.what() << "\n";
        return tconv::tool::kUnsupported;
    } catch (const std::bad_alloc &) {
        std::cerr << "tconv-compiler: not enough memory\n";
        return tconv::tool::kUnsupported;
    } catch (const std::exception &error) {
        std::cerr << "tconv-compiler: " << error.what() << "\n";
        return tconv::tool::kBadInput;
    }
}
