// tconv.hpp where exceptions are switched off: only the forms that return a status are there, and they are enough.
#include "tconv/tconv.hpp"

#if defined(__cpp_exceptions)
#error "this file is compiled with -fno-exceptions"
#endif

int main() {
    tconv::Spec spec;
    tconv::Torch torch;
    tconv::Plan plan;
    tconv::Layer layer;
    std::string message;
    const float x[] = {1, 2}, filter[] = {1, 10}, bias[] = {0};
    float y[4];
    spec.in_channels = spec.out_channels = spec.in_h = spec.kernel_h = 1;
    spec.in_w = spec.kernel_w = 2;
    torch.stride[1] = 2;
    if (spec.try_set(torch, &message) || tconv::Plan::try_create(spec, &plan, &message) ||
        tconv::Layer::try_create(std::move(plan), filter, bias, &layer, &message) || layer.try_run(x, y, &message)) {
        return 1;
    }
    torch.stride[1] = 0;
    const bool refused = spec.try_set(torch, &message) == TCONV_INVALID_ARGUMENT;
    return refused && message == "stride[1] is 0; allowed: 1 or more" && y[0] == 1 && y[1] == 10 && y[3] == 20 ? 0 : 1;
}
