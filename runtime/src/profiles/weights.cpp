// Views of the frameworks' weight arrays. Each is a dense array over five dimensions, since a framework may keep the
// groups apart from the input channels; a view has one stride for both.
#include "../geometry.h"
#include "../message.h"
#include "../spec.h"
#include "tconv/tconv_profiles.h"

using namespace tconv;

namespace {

enum Dimension { G, I, O, H, W };

struct Order {
    Dimension slowest_first[5];
    bool turned;
    const char *name;
};

constexpr Order kOrders[] = {
    {{G, I, O, H, W}, false, "TORCH"},          {{H, W, G, I, O}, false, "NUMPY_ML"},
    {{H, W, O, G, I}, false, "TENSORFLOW"},     {{G, O, H, W, I}, false, "TFLITE"},
    {{G, O, I, H, W}, false, "ONEDNN"},         {{H, W, I, G, O}, true, "JAX"},
    {{H, W, O, G, I}, false, "JAX_TRANSPOSED"}, {{G, O, I, H, W}, true, "JAX_OIHW"},
};
constexpr int32_t kFirst = TCONV_WEIGHTS_TORCH, kLast = TCONV_WEIGHTS_JAX_OIHW;
static_assert(sizeof kOrders / sizeof kOrders[0] == kLast - kFirst + 1);

}  // namespace

tconv_status tconv_profile_filter(const tconv_spec *spec, int32_t weights, const void *data, tconv_view *view,
                                  char *text, size_t capacity) {
    Message message(text, capacity);
    if (const tconv_status status = validate(spec, message))
        return status;
    if (view == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "view is NULL");
    if (weights < kFirst || weights > kLast)
        return message.fail(TCONV_INVALID_ARGUMENT, "weights is %d; allowed: %d to %d", weights, kFirst, kLast);
    const Order &order = kOrders[weights - kFirst];
    if (order.turned && data == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "data is NULL, and the view of weights %s begins at its end",
                            order.name);

    const int64_t groups = spec->groups, inputs = spec->in_channels / groups;
    const int64_t extent[5] = {groups, inputs, spec->out_channels / groups, spec->kernel_h, spec->kernel_w};
    int64_t stride[5], dense = 1;
    for (int i = 4; i >= 0; --i) {
        stride[order.slowest_first[i]] = dense;
        dense *= extent[order.slowest_first[i]];
    }
    if (groups > 1 && inputs > 1 && stride[G] != inputs * stride[I]) {
        return message.fail(TCONV_UNSUPPORTED,
                            "groups is %d and in_channels is %d: in weights %s the input channels of a group lie %lld "
                            "apart and the groups %lld, which is not one stride; reorder the array once",
                            spec->groups, spec->in_channels, order.name, static_cast<long long>(stride[I]),
                            static_cast<long long>(stride[G]));
    }
    tconv_view found = {const_cast<void *>(data),
                        {inputs > 1 ? stride[I] : stride[G], stride[O], stride[H], stride[W]}};
    if (order.turned) {
        const int64_t last = (extent[H] - 1) * stride[H] + (extent[W] - 1) * stride[W];
        found.data = static_cast<char *>(found.data) + last * dtype_bytes(spec->dtype);
        found.stride[2] = -found.stride[2];
        found.stride[3] = -found.stride[3];
    }
    *view = found;
    return TCONV_OK;
}
