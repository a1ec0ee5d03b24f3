// The tables of kernels for devices, schedules/device_variants.csv and, of the filter's gradient,
// schedules/device_gradients.csv; schedules/variants.csv is that of kernels for CPUs.
#pragma once

#include <functional>
#include <istream>
#include <string>
#include <vector>

#include "dense_phases.h"
#include "device_correlate.h"
#include "device_schedule.h"

namespace tconv::compiler {

struct DeviceVariant {
    std::string name, dtype;
    std::string factors;  // the type of what is multiplied: dtype, or tf32
    generators::Element element;
    generators::Lanes lanes;
    generators::DenseTile tile;
    schedules::DeviceTile schedule;
    bool sums;  // stores computed numbers, for a second pass; takes any views
    generators::Of of;
};

// Rows in the order of the file, once for each dtype, and for the layer and the input's gradient if they are of both; throws
// std::runtime_error with the line for a malformed one. `api` (cuda, opencl) ends the names.
std::vector<DeviceVariant> read_device_variants(const std::string &path, const std::string &api);
std::vector<DeviceVariant> parse_device_variants(std::istream &table, const std::string &path, const std::string &api);

struct DeviceGradientVariant {
    std::string name, dtype;
    generators::Element element;
    generators::Lanes lanes;
    generators::CorrelateTile tile;
    bool contiguous;  // as of DeviceTile
};

std::vector<DeviceGradientVariant> read_device_gradients(const std::string &path, const std::string &api);

// What fields of either table mean; these throw std::invalid_argument for what means nothing.
generators::Lanes lanes_of(const std::string &name);
std::string name_of(generators::Lanes lanes);
generators::Element element_of(const std::string &dtype, const std::string &api);
int number_of(const std::string &field);

// Visits each row once for each of its dtypes, which its first field lists; what visit throws is thrown on as a
// std::runtime_error with the line.
using TableRow = std::vector<std::string>;
void each_row(std::istream &table, const std::string &path, const std::string &header,
              const std::function<void(const TableRow &row, const std::string &dtype)> &visit);

}  // namespace tconv::compiler
