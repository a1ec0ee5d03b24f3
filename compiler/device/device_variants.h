// schedules/device_variants.csv: the table of kernels for devices, as schedules/variants.csv is that of kernels for CPUs.
#pragma once

#include <istream>
#include <string>
#include <vector>

#include "dense_phases.h"
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

    std::string lanes_name() const;
};

// Rows in the order of the file, once for each dtype; throws std::runtime_error with the line for a malformed one.
// `api` (cuda, opencl) ends the names.
std::vector<DeviceVariant> read_device_variants(const std::string &path, const std::string &api);
std::vector<DeviceVariant> parse_device_variants(std::istream &table, const std::string &path, const std::string &api);

}  // namespace tconv::compiler
