#include "trial.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "element_type.h"
#include "failure.h"
#include "geometry.h"
#include "plan.h"

namespace tconv::tool {

namespace {

constexpr size_t kPage = 4096;

std::array<int64_t, 4> output_extents(const tconv_spec &spec) {
    const Geometry geometry = geometry_of(spec);
    return {spec.batch, spec.out_channels, geometry.h.out, geometry.w.out};
}

size_t count_of(const std::array<int64_t, 4> &extents) {
    return static_cast<size_t>(extents[0] * extents[1] * extents[2] * extents[3]);
}

// Calls visit(dense logical index, address of the element).
template<typename Visit>
void each(int32_t dtype, const std::array<int64_t, 4> &extents, const tconv_view &view, Visit visit) {
    const int64_t element = element_type(dtype).bytes;
    size_t index = 0;
    for (int64_t a = 0; a < extents[0]; a++) {
        for (int64_t b = 0; b < extents[1]; b++) {
            for (int64_t c = 0; c < extents[2]; c++) {
                const int64_t row = a * view.stride[0] + b * view.stride[1] + c * view.stride[2];
                for (int64_t d = 0; d < extents[3]; d++)
                    visit(index++, static_cast<char *>(view.data) + (row + d * view.stride[3]) * element);
            }
        }
    }
}

void fill(int32_t dtype, const std::array<int64_t, 4> &extents, const tconv_view &view,
          const std::vector<float> &values) {
    each(dtype, extents, view, [&](size_t i, char *element) { store_element(dtype, values[i], element); });
}

void fill(int32_t dtype, Memory &memory, const std::vector<float> &values) {
    const auto count = static_cast<int64_t>(values.size());
    fill(dtype, {1, 1, 1, count}, {memory.data(), {count, count, count, 1}}, values);
}

}  // namespace

Threads::Threads(int32_t count) : count_(count) {
    tconv_hooks_init(&pool_hooks_, sizeof pool_hooks_);
    tconv_hooks_init(&hooks_, sizeof hooks_);
    hooks_.user = this;
    hooks_.log = remember;
    if (count == 1)
        return;
    if (const tconv_status status = tconv_pool_create(count, &pool_); status != TCONV_OK) {
        throw Failure(status == TCONV_INVALID_ARGUMENT ? kBadInput : kUnsupported,
                      "--threads " + std::to_string(count) + ": " + tconv_status_string(status));
    }
    tconv_pool_hooks(pool_, &pool_hooks_);
    hooks_.parallel_for = run;
    hooks_.concurrency = pool_hooks_.concurrency;
}

Threads::~Threads() {
    tconv_pool_destroy(pool_);
}

void Threads::remember(void *self, tconv_status status, const char *message) {
    if (status == TCONV_OK)  // TCONV_VERBOSE=1
        std::fprintf(stderr, "%s\n", message);
    else
        static_cast<Threads *>(self)->log_ = message;
}

int Threads::run(void *self, int32_t count, int (*task)(void *, int32_t), void *argument) {
    const tconv_hooks &pool = static_cast<Threads *>(self)->pool_hooks_;
    return pool.parallel_for(pool.user, count, task, argument);
}

Memory::Memory(size_t bytes) : bytes_((bytes + kPage - 1) / kPage * kPage) {
    data_.reset(static_cast<char *>(std::aligned_alloc(kPage, std::max(bytes_, kPage))));
    if (data_ == nullptr)
        throw std::bad_alloc();
    poison();
}

void Memory::poison() {
    std::memset(data_.get(), 0xff, bytes_);
}

void Memory::Free::operator()(char *block) const {
    std::free(block);
}

Tensors::Tensors(const tconv_spec &spec, const ExactData &data)
    : dtype_(spec.dtype),
      outputs_(count_of(output_extents(spec))),
      extents_(output_extents(spec)),
      input_(data.input.size() * static_cast<size_t>(dtype_bytes(dtype_))),
      filter_(data.filter.size() * static_cast<size_t>(dtype_bytes(dtype_))),
      bias_(data.bias.size() * static_cast<size_t>(dtype_bytes(dtype_))),
      slope_(data.slope.size() * static_cast<size_t>(dtype_bytes(dtype_))),
      residual_(data.residual.size() * static_cast<size_t>(dtype_bytes(dtype_))),
      output_(outputs_ * static_cast<size_t>(dtype_bytes(dtype_))) {
    tconv_view_input(&spec, spec.layout, input_.data(), &input_view_);
    tconv_view_filter(&spec, TCONV_IOHW, filter_.data(), &filter_view_);
    tconv_view_output(&spec, spec.layout, output_.data(), &output_view_);
    fill(dtype_, {spec.batch, spec.in_channels, spec.in_h, spec.in_w}, input_view_, data.input);
    fill(dtype_, filter_, data.filter);
    fill(dtype_, bias_, data.bias);
    fill(dtype_, slope_, data.slope);
    if (!data.residual.empty()) {
        tconv_view view = output_view_;
        view.data = residual_.data();
        fill(dtype_, extents_, view, data.residual);
    }
}

tconv_tensors Tensors::arguments() {
    tconv_tensors tensors;
    tconv_tensors_init(&tensors, sizeof tensors);
    tensors.input = input_view_;
    tensors.output = tensors.residual = output_view_;
    tensors.residual.data = residual_.data();
    tensors.bias = bias_.data();
    tensors.act_slope = slope_.data();
    return tensors;
}

double Tensors::at(const Pixel &pixel, int64_t channel) {
    const int64_t *stride = output_view_.stride;
    const int64_t at = pixel.n * stride[0] + channel * stride[1] + pixel.h * stride[2] + pixel.w * stride[3];
    return load_element(dtype_, output_.data() + at * element_type(dtype_).bytes);
}

std::vector<double> Tensors::logical_output() {
    std::vector<double> values(outputs_);
    each(dtype_, extents_, output_view_, [&](size_t i, char *element) { values[i] = load_element(dtype_, element); });
    return values;
}

Trial::Trial(const tconv_spec &spec, const char *kernel, const Threads &threads) : spec_(spec), threads_(threads) {
    if (const tconv_status status = tconv_plan_create(&spec, kernel, &threads.hooks(), &plan_); status != TCONV_OK)
        fail(status, "");
    reserve();
}

Trial::Trial(const tconv_spec &spec, const Choice &choice, const Threads &threads) : spec_(spec), threads_(threads) {
    char text[256];
    Message message(text, sizeof text);
    Hooks hooks;
    tconv_status status = resolve_hooks(&threads.hooks(), &hooks, message);
    if (status == TCONV_OK)
        status = make_plan(spec, choice, hooks, &plan_, message);
    if (status != TCONV_OK)
        fail(status, text);
    reserve();
}

void Trial::reserve() {
    tconv_requirements needed;
    tconv_requirements_init(&needed, sizeof needed);
    tconv_plan_requirements(plan_, &needed);
    packed_ = std::make_unique<Memory>(needed.packed_filter_bytes);
    workspace_ = std::make_unique<Memory>(needed.workspace_bytes);
}

Trial::~Trial() {
    tconv_plan_destroy(plan_);
}

void Trial::fail(tconv_status status, const std::string &what) const {
    const std::string reason = threads_.log().empty() ? tconv_status_string(status) : threads_.log();
    throw Failure(exit_code_of(status), what + reason);
}

void Trial::pack(const Tensors &tensors) {
    const tconv_status status = tconv_pack_filter(plan_, &tensors.filter(), packed_->data(), packed_->bytes());
    if (status != TCONV_OK)
        fail(status, "packing the filter: ");
}

tconv_tensors Trial::complete(tconv_tensors arguments) {
    arguments.packed_filter = packed_->data();
    arguments.workspace = workspace_->data();
    arguments.workspace_bytes = workspace_->bytes();
    return arguments;
}

void Trial::run(const tconv_tensors &arguments) {
    if (const tconv_status status = tconv_run(plan_, &arguments); status != TCONV_OK)
        fail(status, "running " + kernel() + ": ");
}

}  // namespace tconv::tool
