// tconv: what the library does with a layer, whether it is right, and how fast it is.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "commands.h"
#include "table_folders.h"

namespace {

using namespace tconv::tool;

constexpr const char *kAbout =
    "tconv computes 2-D transposed convolutions with kernels that Halide compiled ahead of time. This\n"
    "command shows what the library does with a layer, checks its results and times them; it needs no\n"
    "Halide itself.\n"
    "\n"
    "A layer is a text such as n1_c256_h32_w24_o256_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_relu, or\n"
    "rows of a table (bench/shapes/layers.csv is the project's suite). docs/tool.md explains both and\n"
    "what each command prints.\n";

constexpr const char *kExits =
    "Exit codes: 0 ok; 1 a wrong result; 2 bad input, or nothing matched or could be compared; 3 not\n"
    "supported here.";

// Wrapped by hand: CLI11 prints texts as they are.
constexpr const char *kList =
    "Lists kernels, or the layers of a table.\n"
    "\n"
    "Lists the kernels of this library: family, element type, register tile, instruction set, and whether\n"
    "this processor runs them. With layers it lists those instead, each with its\n"
    "layer text and FLOPs, which is also the quickest way to check a table of your own.\n"
    "\n"
    "Examples:\n"
    "  tconv list --kernel 'pixels.*avx2'\n"
    "  tconv list --layers bench/shapes/layers.csv --tier core\n";

constexpr const char *kExplain =
    "Says how one layer is computed, why so, and how fast it could be.\n"
    "\n"
    "Shows the crop and size of its output, its phases and their taps, the kernel that is chosen and why\n"
    "the others are not, memory, FLOPs and bytes, and the least time that this machine could need (the\n"
    "roofline, from rates measured on the spot). Read it when a layer is slower than you hoped.\n"
    "\n"
    "Examples:\n"
    "  tconv explain n1_c256_h32_w24_o256_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_relu\n"
    "  tconv explain --layers bench/shapes/layers.csv --ids dcgan_g4_b64 --layout nhwc --threads 4\n";

constexpr const char *kCheck =
    "Compares every kernel's results with the definition.\n"
    "\n"
    "Runs every kernel that this processor can run on each layer, in both layouts, and compares the\n"
    "results with the definition in double precision. The data are small integers, on which float sums\n"
    "are exact, so the comparison is ==; activations with curves are held to a bound in ULPs. Winograd's\n"
    "kernels get weights on which their transformations are exact too. On large layers the definition is\n"
    "evaluated at a fixed sample of the outputs, and all outputs are compared between kernels of the\n"
    "same data. Run it on a new machine, or on layers of your own before you rely on them.\n"
    "\n"
    "Examples:\n"
    "  tconv check --layers bench/shapes/layers.csv --tier core\n"
    "  tconv check n1_c3_h17_w9_o5_k5x3_s2x3_p1,0,2,1_op0,0_d1x1_g1_f32_nchw --kernel avx2\n";

constexpr const char *kBench =
    "Times layers, and says how far they are from what the machine allows.\n"
    "\n"
    "Runs each layer on the kernel that the library chooses, or on each that --kernel matches; a result\n"
    "is verified before it is timed. A row gives the median and the 10th and 90th percentile of a run,\n"
    "GFLOP/s by the full count (nominal) and by what is multiplied (executed), and the share of the roof:\n"
    "of the time that measured multiply-add and copy rates allow. The lowest shares come first: that is\n"
    "where time can be won.\n"
    "\n"
    "Examples:\n"
    "  tconv bench --layers bench/shapes/layers.csv --tier core --json core.json\n"
    "  tconv bench --layers bench/shapes/layers.csv --ids dcgan_g4_b64 --kernel avx2 --threads 2\n";

constexpr const char *kTune =
    "Finds the fastest kernel and blocking for layers by measurement, and remembers them.\n"
    "\n"
    "Tries every kernel of this library that computes a layer, then other blockings of the best, all in\n"
    "turns; each result is verified before it is timed. What wins goes into a table, by default in the\n"
    "user's cache (~/.cache/tconv/tuned), which every tconv command follows from then on, as do the Python\n"
    "package and programs with TCONV_DB set to that folder. Run it on an idle machine. One table serves\n"
    "any number of threads: plans take the same kernel for all, and cut its blocks further for several\n"
    "where that helps. The default, one thread, is the steadiest.\n"
    "\n"
    "Nothing is compiled: it takes no Halide. docs/tuning.md describes the tables and how those of several\n"
    "machines are merged.\n"
    "\n"
    "Examples:\n"
    "  tconv tune n1_c256_h32_w24_o256_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw --seconds 60\n"
    "  tconv tune --layers bench/shapes/layers.csv --tier core --total-seconds 600 --missing\n"
    "  tconv tune --merge zen4/avx512-f32.csv spr/avx512-f32.csv --db schedules/tuned\n";

constexpr const char *kCompile =
    "Compiles layers into libraries of their own.\n"
    "\n"
    "Each is a static library and a header, with every size a constant. Runs tconv-compiler, which holds\n"
    "Halide, with the same arguments; tconv compile --help shows its options.\n"
    "\n"
    "Examples:\n"
    "  tconv compile --layers bench/shapes/layers.csv --ids dcgan_g4_b64 --out compiled\n"
    "  tconv compile --layer n1_c8_h9_w9_o8_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc --name up --out compiled\n";

// The list of commands shows the first line of what each one's own help says.
class HelpFormatter : public CLI::Formatter {
    std::string make_subcommand(const CLI::App *command) const override {
        std::stringstream out;
        const std::string text = command->get_description();
        CLI::detail::format_help(out, command->get_name(), text.substr(0, text.find('\n')), get_column_width());
        return out.str();
    }
};

// CLI11's own sentence, with the command that it is about and where to look.
std::string failure_text(const CLI::App *app, const CLI::Error &error) {
    const std::vector<CLI::App *> given = app->get_subcommands();
    const std::string name = given.empty() ? "tconv" : "tconv " + given[0]->get_name();
    return name + ": " + error.what() + "\n" + name + " --help shows its options\n";
}

// No word, or a first word that is neither a command nor an option: CLI11 would only say that a command is required.
void check_first_word(const CLI::App &app, int argc, char **argv) {
    if (argc > 1 && app.get_option_no_throw(argv[1]) != nullptr)
        return;
    std::string known;
    for (const CLI::App *command : app.get_subcommands({})) {
        if (argc > 1 && command->get_name() == argv[1])
            return;
        known += (known.empty() ? "" : ", ") + command->get_name();
    }
    throw Failure(kBadInput,
                  (argc > 1 ? "'" + std::string(argv[1]) + "' is no command" : std::string("no command given")) +
                      "; there are " + known + "\ntconv --help says what they do");
}

int run(int argc, char **argv) {
    // Its options are tconv-compiler's, so they are not parsed here.
    if (argc > 1 && std::strcmp(argv[1], "compile") == 0)
        return compile_command(argv);

    CLI::App app(kAbout, "tconv");
    app.formatter(std::make_shared<HelpFormatter>());
    app.require_subcommand(1);
    app.footer(kExits);
    app.set_version_flag("--version", std::to_string(TCONV_VERSION_MAJOR) + "." + std::to_string(TCONV_VERSION_MINOR) +
                                          "." + std::to_string(TCONV_VERSION_PATCH));
    Options list, explain;
    CheckOptions check;
    BenchOptions bench;
    TuneOptions tune;
    CLI::App *const on_list = app.add_subcommand("list", kList);
    CLI::App *const on_explain = app.add_subcommand("explain", kExplain);
    CLI::App *const on_check = app.add_subcommand("check", kCheck);
    CLI::App *const on_bench = app.add_subcommand("bench", kBench);
    CLI::App *const on_tune = app.add_subcommand("tune", kTune);
    app.add_subcommand("compile", kCompile);
    const auto add = [&](CLI::App &command, Options &options) {
        add_selection_options(command, options.layers);
        add_run_options(command, options);
        command.footer(kExits);
    };
    add(*on_list, list);
    add(*on_explain, explain);
    add(*on_check, check);
    add(*on_bench, bench);
    add(*on_tune, tune);
    on_check
        ->add_option("--most-seconds", check.most_seconds,
                     "skip a kernel on a layer where its estimate is longer than this")
        ->capture_default_str();
    on_bench->add_option("--seconds", bench.seconds, "time spent on one row")->capture_default_str();
    on_tune->add_option("--seconds", tune.seconds, "time spent on one layer")->capture_default_str();
    on_tune->add_option("--total-seconds", tune.total_seconds, "time after which no other layer is begun")
        ->capture_default_str();
    on_tune->add_flag("--missing", tune.missing, "only layers of which the folder has no row of this processor yet");
    on_tune
        ->add_option("--merge", tune.merge,
                     "merge these tables into the folder instead; the later date wins, on one date the faster")
        ->type_name("CSV");

    app.failure_message(failure_text);
    check_first_word(app, argc, argv);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) == 0 ? kOk : kBadInput;
    }
    check_json(list.json + explain.json + check.json + bench.json + tune.json);
    apply_db(list.db + explain.db + check.db + bench.db + tune.db, on_tune->parsed());  // of the one that was given
    if (*on_list)
        return list_command(list);
    if (*on_explain)
        return explain_command(explain);
    if (*on_check)
        return check_command(check);
    if (*on_tune)
        return tune_command(tune);
    return bench_command(bench);
}

}  // namespace

int main(int argc, char **argv) {
    try {
        const int code = run(argc, argv);
        // Results that nobody gets are no success, as on a full disk.
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout.flush())
            throw Failure(kBadInput, "standard output: cannot be written");
        return code;
    } catch (const Failure &failure) {
        std::cerr << "tconv: " << failure.what() << "\n";
        return failure.code;
    } catch (const std::bad_alloc &) {
        std::cerr << "tconv: not enough memory for this layer\n";
        return kUnsupported;
    } catch (const std::exception &error) {  // of a library, as std::filesystem
        std::cerr << "tconv: " << error.what() << "\n";
        return kBadInput;
    }
}
