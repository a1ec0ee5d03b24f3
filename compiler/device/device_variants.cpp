#include "device_variants.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

#include "fragments.h"

namespace tconv::compiler {

using generators::FragmentForm;

namespace {

constexpr const char *kHeader = "dtypes,lanes,access,tile_a,lanes_a,tile_x,tile_y,lanes_x,lanes_y,warps";
constexpr int kWarp = 32;
constexpr int kChannels = 4, kMostAligned = 16;  // of a vector; bytes of the largest access

const std::map<std::string, generators::Lanes> kLanes = {{"channels", generators::Lanes::channels},
                                                         {"pixels", generators::Lanes::pixels},
                                                         {"depthwise", generators::Lanes::depthwise},
                                                         {"fragments", generators::Lanes::fragments}};
const std::map<std::string, generators::Element> kElements = {{"f32", generators::Element::f32},
                                                              {"f64", generators::Element::f64},
                                                              {"f16", generators::Element::f16},
                                                              {"bf16", generators::Element::bf16},
                                                              {"tf32", generators::Element::f32}};

template<typename Value>
Value known(const std::map<std::string, Value> &values, const std::string &name) {
    const auto found = values.find(name);
    if (found == values.end())
        throw std::invalid_argument("'" + name + "' is not known here");
    return found->second;
}

// A lane's fragments are pairs of positions and of outputs; it reads and stores 16 bytes, so many numbers.
void check_fragments(const DeviceVariant &v) {
    const generators::DenseTile &t = v.tile;
    if (t.lanes_a != FragmentForm::quads || t.lanes_x != FragmentForm::groups || t.lanes_y != 1)
        throw std::invalid_argument("fragments have 4 lanes along the channels and 8 along the positions");
    if (t.x * t.y % 2 != 0 || (t.x > 1 && t.x % 2 != 0) || t.a % FragmentForm::columns != 0)
        throw std::invalid_argument("fragments have positions in pairs, of x if that is not 1, and outputs in eights");
    if (t.a / t.lanes_a % t.step != 0)
        throw std::invalid_argument("a lane's outputs are no vectors of 16 bytes");
}

DeviceVariant parse(const std::string &line, std::string &dtypes) {
    std::istringstream fields(line);
    std::string lanes, access, number;
    std::getline(fields, dtypes, ',');
    std::getline(fields, lanes, ',');
    std::getline(fields, access, ',');
    DeviceVariant v = {};
    v.lanes = known(kLanes, lanes);
    v.schedule.contiguous = access == "vectors";
    v.sums = access == "sums";
    if (!v.schedule.contiguous && !v.sums && access != "any")
        throw std::invalid_argument("access is neither 'vectors', 'any' nor 'sums'");
    for (int *value : {&v.tile.a, &v.tile.lanes_a, &v.tile.x, &v.tile.y, &v.tile.lanes_x, &v.tile.lanes_y, &v.schedule.warps}) {
        std::getline(fields, number, ',');
        *value = std::stoi(number);
        if (*value < 1)
            throw std::invalid_argument("a number is below 1");
    }
    if (v.tile.lanes_a * v.tile.lanes_x * v.tile.lanes_y != kWarp)
        throw std::invalid_argument("lanes_a * lanes_x * lanes_y is not 32");
    if (v.tile.a % v.tile.lanes_a != 0)
        throw std::invalid_argument("tile_a is no multiple of lanes_a");
    // A lane's channels, so that all of them are in the layer or none.
    const int lane_a = v.tile.a / v.tile.lanes_a;
    if (v.lanes == generators::Lanes::fragments)
        return v;  // their vectors depend on the type
    v.tile.step = !v.schedule.contiguous ? 1 : lane_a > 1 ? lane_a : kChannels;
    if (v.tile.step > kChannels || kChannels % v.tile.step != 0)
        throw std::invalid_argument("a lane's channels do not divide a vector's four");
    return v;
}

}  // namespace

std::string DeviceVariant::lanes_name() const {
    for (const auto &[name, value] : kLanes) {
        if (value == lanes)
            return name;
    }
    return "";
}

std::vector<DeviceVariant> parse_device_variants(std::istream &file, const std::string &path, const std::string &api) {
    std::vector<DeviceVariant> variants;
    std::string line;
    std::getline(file, line);
    if (line != kHeader)
        throw std::runtime_error(path + ":1: the header is not " + kHeader);
    for (int number = 2; std::getline(file, line); number++) {
        try {
            std::string dtypes;
            DeviceVariant variant = parse(line, dtypes);
            const generators::DenseTile &t = variant.tile;
            const int width = t.x * t.lanes_x, height = t.y * t.lanes_y;
            std::istringstream of_row(dtypes);
            while (std::getline(of_row, variant.factors, '|')) {
                variant.element = known(kElements, variant.factors);
                variant.dtype = variant.factors == "tf32" ? "f32" : variant.factors;
                const bool fragments = variant.lanes == generators::Lanes::fragments;
                if (fragments != (variant.factors == "tf32") && variant.dtype == "f32")
                    throw std::invalid_argument("tf32 is the type of float32's fragments");
                if (variant.element == generators::Element::f16 && api == "opencl")
                    variant.element = generators::Element::f16_bits;  // PoCL has no cl_khr_fp16
                const int bytes = generators::stored_type(variant.element).bytes();
                variant.schedule.alignment = fragments ? kMostAligned : std::min(kMostAligned, kChannels * bytes);
                if (fragments) {
                    variant.tile.step = variant.schedule.contiguous ? kMostAligned / bytes : 1;
                    check_fragments(variant);
                }
                if (variant.sums && generators::stored_type(variant.element) == generators::computed_type(variant.element))
                    throw std::invalid_argument("sums of " + variant.dtype + " are stored by the other kernels");
                // docs/naming.md
                variant.name = "tconv_" + variant.factors + "_phase_" + variant.lanes_name() + std::to_string(t.a) + "x" +
                               std::to_string(width) + "x" + std::to_string(height) +
                               (variant.schedule.contiguous ? "v" : variant.sums ? "s" : "") + "_" + api;
                variants.push_back(variant);
            }
        } catch (const std::exception &error) {
            throw std::runtime_error(path + ":" + std::to_string(number) + ": '" + line + "': " + error.what());
        }
    }
    return variants;
}

std::vector<DeviceVariant> read_device_variants(const std::string &path, const std::string &api) {
    std::ifstream file(path);
    if (!file)
        throw std::runtime_error("cannot read the table " + path);
    return parse_device_variants(file, path, api);
}

}  // namespace tconv::compiler
