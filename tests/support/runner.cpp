#include "runner.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace tconv::testing {

namespace {

constexpr size_t kGuard = 256;
constexpr unsigned char kGuardByte = 0xA5;

void append_log(void *user, tconv_status, const char *message) {
    static_cast<Runner *>(user)->log += std::string(message) + "\n";
}

}  // namespace

Block::Block(size_t bytes) : bytes_(bytes), storage_(bytes + 2 * kGuard + 64, kGuardByte) {
    const auto address = reinterpret_cast<uintptr_t>(storage_.data()) + kGuard;
    begin_ = kGuard + (64 - address % 64) % 64;
    const float poison = std::numeric_limits<float>::quiet_NaN();
    for (size_t i = 0; i + sizeof poison <= bytes; i += sizeof poison) {
        std::memcpy(storage_.data() + begin_ + i, &poison, sizeof poison);
    }
}

bool Block::guards_intact() const {
    for (size_t i = 0; i < storage_.size(); i++) {
        if ((i < begin_ || i >= begin_ + bytes_) && storage_[i] != kGuardByte)
            return false;
    }
    return true;
}

Runner::Runner() {
    tconv_hooks_init(&hooks, sizeof hooks);
    hooks.user = this;
    hooks.log = append_log;
}

tconv_status Runner::run(Problem &problem, const std::string &name) {
    log.clear();
    tconv_plan *plan = nullptr;
    tconv_status status = tconv_plan_create(&problem.spec, name.empty() ? nullptr : name.c_str(), &hooks, &plan);
    if (status != TCONV_OK)
        return status;
    kernel = tconv_plan_kernel(plan);
    tconv_requirements requirements;
    tconv_requirements_init(&requirements, sizeof requirements);
    status = tconv_plan_requirements(plan, &requirements);
    Block packed(requirements.packed_filter_bytes), workspace(requirements.workspace_bytes);
    const tconv_view filter = problem.filter.view();
    if (status == TCONV_OK)
        status = tconv_pack_filter(plan, &filter, packed.data(), packed.size());
    if (status == TCONV_OK) {
        tconv_tensors tensors = problem.tensors();
        tensors.packed_filter = packed.data();
        tensors.workspace = workspace.data();
        tensors.workspace_bytes = workspace.size();
        status = tconv_run(plan, &tensors);
    }
    tconv_plan_destroy(plan);
    if (status == TCONV_OK && (!packed.guards_intact() || !workspace.guards_intact())) {
        log += "the kernel wrote past its packed filter or workspace\n";
        return TCONV_INTERNAL;
    }
    return status;
}

std::vector<std::string> usable_kernels() {
    std::vector<std::string> names;
    tconv_spec spec;
    tconv_spec_init(&spec, sizeof spec);
    spec.in_channels = spec.out_channels = spec.groups = spec.in_h = spec.in_w = 1;
    spec.kernel_h = spec.kernel_w = spec.stride_h = spec.stride_w = 2;  // what every family computes
    for (int32_t i = 0; i < tconv_kernel_count(); i++) {
        tconv_plan *plan = nullptr;
        if (tconv_plan_create(&spec, tconv_kernel_name(i), nullptr, &plan) == TCONV_OK) {
            names.emplace_back(tconv_kernel_name(i));
        }
        tconv_plan_destroy(plan);
    }
    return names;
}

std::vector<uint32_t> bits_of(const Tensor &tensor) {
    std::vector<uint32_t> bits;
    const_cast<Tensor &>(tensor).each([&](int64_t, float &value) { bits.push_back(std::bit_cast<uint32_t>(value)); });
    return bits;
}

}  // namespace tconv::testing
