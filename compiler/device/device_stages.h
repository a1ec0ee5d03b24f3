// What a device computes of a layer, each stage a function by itself: called by an array of pointers to its arguments, as
// runtime/cuda/device_run.cpp calls it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "Halide.h"
#include "device_variants.h"

namespace tconv::compiler {

struct DeviceStage {
    std::string name;
    Halide::Func output;
    std::vector<Halide::Argument> arguments;
};

// The name of a stage that variants of a dtype share.
std::string device_stage_name(const std::string &stage, const std::string &dtype, const std::string &api);

// What packs a variant's filter, before it has a schedule.
generators::DevicePack pack_definition(const DeviceVariant &variant);
std::string pack_name(const DeviceVariant &variant, const std::string &api);

DeviceStage dense_phases_stage(const DeviceVariant &variant, const std::string &api);
DeviceStage pack_stage(const DeviceVariant &variant, const std::string &api);
DeviceStage activate_stage(const DeviceVariant &variant, const std::string &api);
DeviceStage softmax_stage(const DeviceVariant &variant, const std::string &api);
DeviceStage phase_table_stage(const std::string &api);
DeviceStage correlate_stage(const DeviceGradientVariant &variant);
// Of a dtype's gradients: the sums of the bias, and what adds up splits.
DeviceStage bias_sums_stage(const DeviceGradientVariant &variant, const std::string &api);
DeviceStage total_stage(const DeviceGradientVariant &variant, const std::string &api);

constexpr int kDeviceThreads = 128;  // of a block, in every schedule

// Where the host's side of a stage runs, and with it what its kernels are made for: api is cuda or opencl.
Halide::Target device_host();
Halide::Target device_target(const std::string &api);

// Values of arguments by name, and of a buffer's fields by buffer.extent.0 and buffer.stride.0, in int32 or the bits of a
// float; `output` is what the stage's output is called here.
using DeviceConstants = std::map<std::string, int32_t>;

// With device code for any sizes, or where constants are given for those only.
Halide::Module lower_device_stage(const DeviceStage &stage, const std::string &api, const DeviceConstants &constants);

}  // namespace tconv::compiler
