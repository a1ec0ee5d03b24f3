/* Two compiled layers, libtconv and another Halide program with its runtime, in one program. The layers' results must
 * be libtconv's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tconv/tconv.h>

#include "one.h"
#include "other.h"
#include "two.h"

static void *block(size_t bytes) {
    void *data = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (data == NULL) exit(1);
    memset(data, 0, (bytes + 63) / 64 * 64);
    return data;
}

static float *filled(size_t bytes, unsigned seed) {
    float *data = block(bytes);
    size_t i;
    for (i = 0; i < bytes / 4; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = 9 * ((float)(int)(seed >> 29) - 3.0f); /* sums are exact by Winograd's tiles of two taps too */
    }
    return data;
}

/* What libtconv computes for the layer. */
static float *by_libtconv(const char *layer, const float *filter, const float *input, const float *bias) {
    tconv_spec spec;
    tconv_plan *plan = NULL;
    tconv_requirements needs;
    tconv_tensors tensors;
    tconv_view weights;
    char message[200];
    void *packed;
    tconv_spec_init(&spec, sizeof spec);
    tconv_requirements_init(&needs, sizeof needs);
    tconv_tensors_init(&tensors, sizeof tensors);
    if (tconv_spec_parse(layer, &spec, message, sizeof message) || tconv_plan_create(&spec, NULL, NULL, &plan) ||
        tconv_plan_requirements(plan, &needs) || tconv_view_filter(&spec, TCONV_IOHW, filter, &weights))
        exit(2);
    packed = block(needs.packed_filter_bytes);
    tensors.packed_filter = packed;
    tensors.bias = bias;
    tensors.workspace_bytes = needs.workspace_bytes;
    tensors.workspace = block(needs.workspace_bytes);
    tconv_view_input(&spec, spec.layout, input, &tensors.input);
    tconv_view_output(&spec, spec.layout, block(needs.output_bytes), &tensors.output);
    if (tconv_pack_filter(plan, &weights, packed, needs.packed_filter_bytes) || tconv_run(plan, &tensors)) exit(3);
    tconv_plan_destroy(plan);
    return tensors.output.data;
}

#define CHECK(NAME, name)                                                                                   \
    do {                                                                                                    \
        float *filter = filled(NAME##_FILTER_BYTES, 1), *input = filled(NAME##_INPUT_BYTES, 2);             \
        float *bias = filled(NAME##_BIAS_BYTES, 3), *output = block(NAME##_OUTPUT_BYTES);                   \
        void *packed = block(NAME##_PACKED_BYTES), *workspace = block(NAME##_WORKSPACE_BYTES);              \
        if (name##_pack(filter, packed) != 0 || name##_run(input, packed, bias, output, workspace) != 0 ||  \
            memcmp(output, by_libtconv(NAME##_LAYER, filter, input, bias), NAME##_OUTPUT_BYTES) != 0) {     \
            printf("%s differs from libtconv\n", NAME##_LAYER);                                             \
            return 4;                                                                                       \
        }                                                                                                   \
    } while (0)

int main(void) {
    float *from = filled(4 * 1001, 4), *to = block(4 * 1000);
    halide_dimension_t from_shape = {0, 1001, 1, 0}, to_shape = {0, 1000, 1, 0};
    halide_buffer_t input = {0}, output = {0};
    int i;
    CHECK(ONE, one);
    CHECK(TWO, two);
    input.host = (uint8_t *)from, output.host = (uint8_t *)to;
    input.type.code = output.type.code = halide_type_float;
    input.type.bits = output.type.bits = 32;
    input.type.lanes = output.type.lanes = 1;
    input.dimensions = output.dimensions = 1;
    input.dim = &from_shape, output.dim = &to_shape;
    if (other(&input, &output) != 0) return 5;
    for (i = 0; i < 1000; i++) {
        if (to[i] != 2 * from[i] + 2 * from[i + 1]) return 6;
    }
    CHECK(ONE, one);
    printf("no clash\n");
    return 0;
}
