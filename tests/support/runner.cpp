#include "runner.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tconv::testing {

namespace {

constexpr size_t kGuard = 256;
constexpr unsigned char kGuardByte = 0xA5;

void append(void *user, tconv_status, const char *message) {
    *static_cast<std::string *>(user) += std::string(message) + "\n";
}

}  // namespace

Block::Block(size_t bytes, uint64_t pattern) : bytes_(bytes), storage_(bytes + 2 * kGuard + 64, kGuardByte) {
    const auto address = reinterpret_cast<uintptr_t>(storage_.data()) + kGuard;
    begin_ = kGuard + (64 - address % 64) % 64;
    fill(pattern);
}

void Block::fill(uint64_t pattern) {
    for (size_t i = 0; i < bytes_; i += sizeof pattern)
        std::memcpy(storage_.data() + begin_ + i, &pattern, std::min(sizeof pattern, bytes_ - i));
}

bool Block::guards_intact() const {
    const auto intact = [](unsigned char byte) { return byte == kGuardByte; };
    const auto begin = storage_.begin() + static_cast<ptrdiff_t>(begin_), end = begin + static_cast<ptrdiff_t>(bytes_);
    return std::all_of(storage_.begin(), begin, intact) && std::all_of(end, storage_.end(), intact);
}

Plan::Plan(const tconv_spec &spec, const std::string &kernel, const tconv_hooks *hooks) {
    tconv_requirements_init(&needs, sizeof needs);
    status = tconv_plan_create(&spec, kernel.empty() ? nullptr : kernel.c_str(), hooks, &plan_);
    if (status == TCONV_OK)
        status = tconv_plan_requirements(plan_, &needs);
}

Plan::~Plan() {
    tconv_plan_destroy(plan_);
}

tconv_hooks listening(std::string *said) {
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    hooks.user = said;
    hooks.log = append;
    return hooks;
}

Listener::Listener() : hooks(listening(&log)) {}

tconv_status Runner::run(Problem &problem, const std::string &name, bool in_place) {
    log.clear();
    const Plan plan(problem.spec, name, &hooks);
    if (plan.status != TCONV_OK)
        return plan.status;
    kernel = tconv_plan_kernel(plan.get());
    Block packed(plan.needs.packed_filter_bytes, pattern), workspace(plan.needs.workspace_bytes, pattern);
    const tconv_view filter = problem.filter.view();
    tconv_status status = tconv_pack_filter(plan.get(), &filter, packed.data(), packed.size());
    if (status == TCONV_OK) {
        tconv_tensors tensors = problem.tensors();
        if (in_place)
            tensors.output = tensors.residual;
        else
            problem.output.poison();
        tensors.packed_filter = packed.data();
        tensors.workspace = workspace.data();
        tensors.workspace_bytes = workspace.size();
        status = tconv_run(plan.get(), &tensors);
    }
    if (status == TCONV_OK && (!packed.guards_intact() || !workspace.guards_intact())) {
        log += "the kernel wrote past its packed filter or workspace\n";
        return TCONV_INTERNAL;
    }
    return status;
}

std::vector<std::string> kernels_for(const tconv_spec &spec) {
    static const std::vector<std::string> usable = usable_kernels();
    std::vector<std::string> names;
    for (const std::string &name : usable) {
        KernelName parsed;
        if (dtype_of(name) != spec.dtype)
            continue;
        if (!parse_kernel_name(name, &parsed) || !may_refuse(parsed, spec))
            names.push_back(name);
    }
    return names;
}

namespace {

bool is_winograd(const std::string &kernel) {
    KernelName parsed;
    return parse_kernel_name(kernel, &parsed) && parsed.winograd_outputs() > 0;
}

}  // namespace

std::vector<Lot> lots_for(const tconv_spec &spec, const DataRules &rules) {
    Lot direct = {spec, rules, {}}, winograd = {spec, winograd_rules(spec, rules), {}};
    for (const std::string &kernel : kernels_for(spec))
        (is_winograd(kernel) ? winograd : direct).kernels.push_back(kernel);
    if (winograd.kernels.empty())
        return {direct};
    return {direct, winograd};
}

std::vector<Lot> lots_and_choice_for(const tconv_spec &spec, const DataRules &rules) {
    std::vector<Lot> lots = lots_for(spec, rules);
    const Plan plan(spec);
    const bool winograd = plan.status == TCONV_OK && is_winograd(tconv_plan_kernel(plan.get()));
    (winograd ? lots.back() : lots.front()).kernels.emplace_back();
    return lots;
}

tconv_spec layer(const std::string &text) {
    tconv_spec spec;
    tconv_spec_init(&spec, sizeof spec);
    char message[300];
    if (tconv_spec_parse(text.c_str(), &spec, message, sizeof message) != TCONV_OK) {
        std::fprintf(stderr, "%s: %s\n", text.c_str(), message);
        std::abort();
    }
    return spec;
}

tconv_spec layer(const std::string &text, int32_t dtype) {
    tconv_spec spec = layer(text);
    spec.dtype = dtype;
    return spec;
}

}  // namespace tconv::testing
