// Photographs, three times larger. See README.md.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "layers.h"
#include "resample.h"
#include "sheet.h"

namespace {

constexpr int kSmallest = 4 * kScale;  // a smaller picture has too little inside to compare anything

struct Options {
    std::vector<std::string> inputs;
    std::string output;
    bool upscale = false, evaluate = false;
    std::optional<double> least_gain;
};

struct Gain {
    double bicubic, network;  // dB
};

void upscale(Network &network, const std::string &input, std::string output) {
    if (output.empty()) {
        const std::filesystem::path path = input;
        output = (path.parent_path() / path.stem()).string() + "_x3.png";
    }
    const Picture picture = load_picture(input);
    Planes planes = split(picture);
    planes.luma = network.enlarge(planes.luma);
    planes.blue = resize_bicubic(planes.blue, planes.luma.width, planes.luma.height);
    planes.red = resize_bicubic(planes.red, planes.luma.width, planes.luma.height);
    clip(planes.luma);
    save_png(merge(planes), output);
    std::printf("%s (%d x %d) -> %s (%d x %d)\n", input.c_str(), picture.width, picture.height, output.c_str(),
                planes.luma.width, planes.luma.height);
}

// Takes the picture down by three and up again; writes the comparison to `output` unless that is empty.
Gain evaluate(Network &network, const std::string &input, const std::string &output) {
    const Picture whole = load_picture(input);
    if (std::min(whole.width, whole.height) < kSmallest) {
        throw std::runtime_error(input + ": --evaluate wants at least " + std::to_string(kSmallest) +
                                 " pixels in each direction");
    }
    const Picture picture = crop(whole, whole.width / kScale * kScale, whole.height / kScale * kScale);
    const Planes truth = split(picture);
    Planes bicubic;
    const Plane low = resize_bicubic(truth.luma, picture.width / kScale, picture.height / kScale);
    bicubic.luma = resize_bicubic(low, picture.width, picture.height);
    clip(bicubic.luma);
    Planes enlarged;
    enlarged.luma = network.enlarge(low);
    clip(enlarged.luma);

    const Gain gain = {psnr(bicubic.luma, truth.luma, kScale), psnr(enlarged.luma, truth.luma, kScale)};
    std::printf("%s (%d x %d): bicubic %.2f dB, FSRCNN %.2f dB, gain %+.2f dB\n",
                std::filesystem::path(input).stem().c_str(), picture.width, picture.height, gain.bicubic, gain.network,
                gain.network - gain.bicubic);
    if (output.empty()) {
        return gain;
    }

    for (Plane Planes::*colour : {&Planes::blue, &Planes::red}) {
        const Plane small = resize_bicubic(truth.*colour, low.width, low.height);
        bicubic.*colour = enlarged.*colour = resize_bicubic(small, picture.width, picture.height);
    }
    auto label = [](const char *name, double decibel) {
        char text[32];
        std::snprintf(text, sizeof text, "%s %.2f dB", name, decibel);
        return std::string(text);
    };
    const Panel panels[] = {{"ORIGINAL", picture},
                            {label("BICUBIC", gain.bicubic), merge(bicubic)},
                            {label("FSRCNN", gain.network), merge(enlarged)}};
    save_png(comparison_sheet(panels), output);
    std::printf("side by side: %s\n", output.c_str());
    return gain;
}

double median_of(std::vector<std::chrono::duration<double>> times) {
    std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
    return times[times.size() / 2].count();
}

void print_times(const Network &network) {
    std::printf("\n%-8s  %9s  %9s  kernel\n", "layer", "ms/tile", "GFLOP/s");
    double seconds = 0, flops = 0;
    for (size_t i = 0; i < network.layers().size(); i++) {
        const Layer &layer = network.layers()[i];
        const double median = median_of(network.times()[i]);
        std::printf("%-8s  %9.3f  %9.1f  %s\n", layer.id, median * 1e3, layer.flops / median * 1e-9, layer.kernel);
        seconds += median;
        flops += layer.flops;
    }
    std::printf("%-8s  %9.3f  %9.1f  one thread, median of %zu tiles of %d x %d pixels\n", "together", seconds * 1e3,
                flops / seconds * 1e-9, network.times()[0].size(), kTile, kTile);
}

int run(const Options &options, const char *program) {
    Network network(fsrcnn_layers(), kTile, kTile);
    bool gained = true;
    for (const std::string &input : options.inputs) {
        if (!options.evaluate) {
            upscale(network, input, options.output);
            continue;
        }
        const Gain gain = evaluate(network, input, input == options.inputs.front() ? options.output : "");
        // Of a flat picture the gain is infinite or not a number: compared only where a gain is asked for.
        gained = gained && (!options.least_gain || gain.network - gain.bicubic >= *options.least_gain);
    }
    print_times(network);
    std::printf("this program, its %zu layers and their weights: %ju bytes\n", network.layers().size(),
                static_cast<uintmax_t>(std::filesystem::file_size(program)));
    if (!gained) {
        std::fprintf(stderr, "superres: the gain is below %.2f dB\n", *options.least_gain);
    }
    return gained ? 0 : 1;
}

}  // namespace

int main(int argc, char **argv) {
    Options options;
    CLI::App app(
        "Enlarges photographs three times with FSRCNN, a small neural network. Its layers were compiled,\n"
        "weights included, by `tconv compile`: this program needs no other file.");
    app.footer(
        "Examples:\n"
        "  superres --input photo.jpg                     write photo_x3.png beside it\n"
        "  superres --input photo.jpg --output large.png\n"
        "  superres --input photo.png --evaluate --output compared.png\n"
        "Exit status: 0 done, 1 a gain below --least-gain, 2 wrong arguments, or a picture that cannot be read\n"
        "or written. Memory: about 150 bytes for each pixel of the input.");
    app.add_option("picture,--input", options.inputs, "PNG or JPEG; may be given more than once")
        ->required()
        ->type_name("FILE");
    auto *upscale = app.add_flag("--upscale", options.upscale,
                                 "enlarge: brightness by the network, colour by bicubic (the default)");
    auto *evaluate = app.add_flag("--evaluate", options.evaluate,
                                  "shrink the picture to a third, enlarge that by the network and by\n"
                                  "bicubic, and print how close each comes: PSNR of the luma");
    app.add_option("--output", options.output,
                   "the PNG to write. --upscale: by default the input's name with _x3.png;\n"
                   "--evaluate: original, bicubic and network side by side, of the first\n"
                   "picture (default: none)")
        ->type_name("FILE");
    app.add_option("--least-gain", options.least_gain,
                   "exit with 1 if on any picture the network is not this much better")
        ->needs(evaluate)
        ->type_name("DB");
    evaluate->excludes(upscale);
    try {
        app.parse(argc, argv);
        if (!options.evaluate && !options.output.empty() && options.inputs.size() > 1) {
            throw CLI::ValidationError("--output", "is for one --input; without it, each gets a name of its own");
        }
        return run(options, std::filesystem::exists("/proc/self/exe") ? "/proc/self/exe" : argv[0]);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const std::bad_alloc &) {
        std::fprintf(stderr, "superres: not enough memory for this picture\n");
    } catch (const std::exception &error) {
        std::fprintf(stderr, "superres: %s\n", error.what());
    }
    return 2;
}
