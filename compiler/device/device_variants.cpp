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

constexpr const char *kHeader = "dtypes,of,lanes,access,tile_a,lanes_a,tile_x,tile_y,lanes_x,lanes_y,warps";
constexpr int kWarpLanes = 32;
constexpr int kVectorChannels = 4, kMostAligned = 16;  // bytes of the largest access

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

DeviceVariant parse(const TableRow &row) {
    DeviceVariant v = {};
    v.lanes = lanes_of(row[2]);
    v.schedule.contiguous = row[3] == "vectors";
    v.sums = row[3] == "sums";
    if (!v.schedule.contiguous && !v.sums && row[3] != "any")
        throw std::invalid_argument("access is neither 'vectors', 'any' nor 'sums'");
    size_t field = 4;
    for (int *value : {&v.tile.a, &v.tile.lanes_a, &v.tile.x, &v.tile.y, &v.tile.lanes_x, &v.tile.lanes_y, &v.schedule.warps})
        *value = number_of(row[field++]);
    if (v.tile.lanes_a * v.tile.lanes_x * v.tile.lanes_y != kWarpLanes)
        throw std::invalid_argument("lanes_a * lanes_x * lanes_y is not 32");
    if (v.tile.a % v.tile.lanes_a != 0)
        throw std::invalid_argument("tile_a is no multiple of lanes_a");
    // A lane's channels, so that all of them are in the layer or none.
    const int lane_a = v.tile.a / v.tile.lanes_a;
    if (v.lanes == generators::Lanes::fragments)
        return v;  // their vectors depend on the type
    v.tile.step = !v.schedule.contiguous ? 1 : lane_a > 1 ? lane_a : kVectorChannels;
    if (v.tile.step > kVectorChannels || kVectorChannels % v.tile.step != 0)
        throw std::invalid_argument("a lane's channels do not divide a vector's four");
    return v;
}

}  // namespace

generators::Lanes lanes_of(const std::string &name) {
    return known(kLanes, name);
}

std::string name_of(generators::Lanes lanes) {
    for (const auto &[name, value] : kLanes) {
        if (value == lanes)
            return name;
    }
    return "";
}

generators::Element element_of(const std::string &dtype, const std::string &api) {
    const generators::Element element = known(kElements, dtype);
    return element == generators::Element::f16 && api == "opencl" ? generators::Element::f16_bits  // PoCL has no cl_khr_fp16
                                                                  : element;
}

int number_of(const std::string &field) {
    size_t end = 0;
    const int number = std::stoi(field, &end);
    if (end != field.size() || number < 1)
        throw std::invalid_argument("'" + field + "' is no number from 1 on");
    return number;
}

void each_row(std::istream &table, const std::string &path, const std::string &header,
              const std::function<void(const TableRow &row, const std::string &dtype)> &visit) {
    std::string line, field;
    std::getline(table, line);
    if (line != header)
        throw std::runtime_error(path + ":1: the header is not " + header);
    for (int number = 2; std::getline(table, line); number++) {
        try {
            TableRow row;
            std::istringstream fields(line);
            while (std::getline(fields, field, ','))
                row.push_back(field);
            if (row.size() != static_cast<size_t>(1 + std::count(header.begin(), header.end(), ',')))
                throw std::invalid_argument("it has not as many fields as the header");
            std::istringstream dtypes(row.front());
            while (std::getline(dtypes, field, '|'))
                visit(row, field);
        } catch (const std::exception &error) {
            throw std::runtime_error(path + ":" + std::to_string(number) + ": '" + line + "': " + error.what());
        }
    }
}

std::vector<DeviceVariant> parse_device_variants(std::istream &file, const std::string &path, const std::string &api) {
    std::vector<DeviceVariant> variants;
    each_row(file, path, kHeader, [&](const TableRow &row, const std::string &factors) {
        DeviceVariant variant = parse(row);
        const generators::DenseTile &t = variant.tile;
        variant.factors = factors;
        variant.element = element_of(factors, api);
        variant.dtype = factors == "tf32" ? "f32" : factors;
        const bool fragments = variant.lanes == generators::Lanes::fragments;
        if (fragments != (factors == "tf32") && variant.dtype == "f32")
            throw std::invalid_argument("tf32 is the type of float32's fragments");
        const int bytes = generators::stored_type(variant.element).bytes();
        variant.schedule.alignment = fragments ? kMostAligned : std::min(kMostAligned, kVectorChannels * bytes);
        if (fragments) {
            variant.tile.step = variant.schedule.contiguous ? kMostAligned / bytes : 1;
            check_fragments(variant);
        }
        if (variant.sums && generators::stored_type(variant.element) == generators::computed_type(variant.element))
            throw std::invalid_argument("sums of " + variant.dtype + " are stored by the other kernels");
        // docs/naming.md
        const std::string tile = name_of(variant.lanes) + std::to_string(t.a) + "x" + std::to_string(t.x * t.lanes_x) + "x" +
                                 std::to_string(t.y * t.lanes_y) + (variant.schedule.contiguous ? "v" : variant.sums ? "s" : "");
        if (row[1] != "layer" && row[1] != "both")
            throw std::invalid_argument("of is neither 'layer' nor 'both'");
        for (const generators::Of of : {generators::Of::layer, generators::Of::input_gradient}) {
            const bool is_layer = of == generators::Of::layer;
            if (!is_layer && (row[1] != "both" || variant.sums))
                continue;
            variant.of = of;
            variant.name = "tconv_" + factors + (is_layer ? "_phase_" : "_input_gradient_") + tile + "_" + api;
            variants.push_back(variant);
        }
    });
    return variants;
}

std::vector<DeviceVariant> read_device_variants(const std::string &path, const std::string &api) {
    std::ifstream file(path);
    if (!file)
        throw std::runtime_error("cannot read the table " + path);
    return parse_device_variants(file, path, api);
}

// ---- Gradients

namespace {

constexpr const char *kGradientHeader = "dtypes,lanes,access,tile_a,lanes_a,tile_c,lanes_x,lanes_y";

DeviceGradientVariant parse_gradient(const TableRow &row) {
    DeviceGradientVariant v = {};
    v.lanes = lanes_of(row[1]);
    v.contiguous = row[2] == "vectors";
    if (!v.contiguous && row[2] != "any")
        throw std::invalid_argument("access is neither 'vectors' nor 'any'");
    size_t field = 3;
    for (int *value : {&v.tile.a, &v.tile.lanes_a, &v.tile.c, &v.tile.lanes_x, &v.tile.lanes_y})
        *value = number_of(row[field++]);
    const generators::CorrelateTile &t = v.tile;
    if (t.lanes_a * t.lanes_x * t.lanes_y != kWarpLanes || t.a % t.lanes_a != 0)
        throw std::invalid_argument("lanes_a * lanes_x * lanes_y is not 32, or tile_a no multiple of lanes_a");
    if ((v.lanes == generators::Lanes::pixels) != (t.lanes_a == 1) || v.lanes == generators::Lanes::fragments)
        throw std::invalid_argument("lanes are outputs (channels, depthwise) or positions (pixels)");
    if (v.lanes == generators::Lanes::depthwise && t.c != 1)
        throw std::invalid_argument("depthwise lanes have a channel each");
    v.tile.step = v.contiguous ? kVectorChannels : 1;
    if (v.contiguous && (t.a / t.lanes_a != kVectorChannels || t.c % kVectorChannels != 0))
        throw std::invalid_argument("a lane's outputs and channels are no vectors of four");
    return v;
}

}  // namespace

std::vector<DeviceGradientVariant> read_device_gradients(const std::string &path, const std::string &api) {
    std::ifstream file(path);
    if (!file)
        throw std::runtime_error("cannot read the table " + path);
    std::vector<DeviceGradientVariant> variants;
    each_row(file, path, kGradientHeader, [&](const TableRow &row, const std::string &dtype) {
        DeviceGradientVariant v = parse_gradient(row);
        v.dtype = dtype;
        v.element = element_of(dtype, api);
        v.name = "tconv_" + dtype + "_filter_gradient_" + name_of(v.lanes) + std::to_string(v.tile.a) + "x" +
                 std::to_string(v.tile.c) + "x" + std::to_string(v.tile.lanes_x) + (v.contiguous ? "v" : "") + "_" + api;
        variants.push_back(v);
    });
    return variants;
}

}  // namespace tconv::compiler
