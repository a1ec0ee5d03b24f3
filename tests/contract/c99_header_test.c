/* The public headers of the core and of gradients as a strict C99 program sees them: every enum value, every field with
 * its frozen place, and the address of every function, so that each one is declared, has C linkage and exists in the
 * library. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tconv/tconv_gradients.h"

static int failures = 0;

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            ++failures;                                                     \
        }                                                                   \
    } while (0)

/* Assigning to a pointer of the exact type is the check that a signature has not drifted. */
static void check_functions(void) {
    uint32_t (*version)(void) = tconv_version;
    const char *(*status_string)(tconv_status) = tconv_status_string;
    void (*spec_init)(tconv_spec *, size_t) = tconv_spec_init;
    tconv_status (*spec_validate)(const tconv_spec *, char *, size_t) = tconv_spec_validate;
    tconv_status (*spec_output_size)(const tconv_spec *, int32_t *, int32_t *) = tconv_spec_output_size;
    tconv_status (*spec_set_output_size)(tconv_spec *, int32_t, int32_t) = tconv_spec_set_output_size;
    tconv_status (*spec_set_crop)(tconv_spec *, int32_t, int32_t, int32_t, int32_t) = tconv_spec_set_crop;
    tconv_status (*spec_parse)(const char *, tconv_spec *, char *, size_t) = tconv_spec_parse;
    tconv_status (*spec_format)(const tconv_spec *, char *, size_t) = tconv_spec_format;
    tconv_status (*view_input)(const tconv_spec *, int32_t, const void *, tconv_view *) = tconv_view_input;
    tconv_status (*view_output)(const tconv_spec *, int32_t, void *, tconv_view *) = tconv_view_output;
    tconv_status (*view_filter)(const tconv_spec *, int32_t, const void *, tconv_view *) = tconv_view_filter;
    void (*hooks_init)(tconv_hooks *, size_t) = tconv_hooks_init;
    tconv_status (*pool_create)(int32_t, tconv_pool **) = tconv_pool_create;
    tconv_status (*pool_hooks)(tconv_pool *, tconv_hooks *) = tconv_pool_hooks;
    void (*pool_destroy)(tconv_pool *) = tconv_pool_destroy;
    tconv_status (*plan_create)(const tconv_spec *, const char *, const tconv_hooks *, tconv_plan **) =
        tconv_plan_create;
    void (*plan_destroy)(tconv_plan *) = tconv_plan_destroy;
    void (*requirements_init)(tconv_requirements *, size_t) = tconv_requirements_init;
    tconv_status (*plan_requirements)(const tconv_plan *, tconv_requirements *) = tconv_plan_requirements;
    const char *(*plan_kernel)(const tconv_plan *) = tconv_plan_kernel;
    tconv_status (*plan_explain)(const tconv_plan *, char *, size_t) = tconv_plan_explain;
    tconv_status (*pack_filter)(const tconv_plan *, const tconv_view *, void *, size_t) = tconv_pack_filter;
    tconv_status (*packed_check)(const tconv_plan *, const void *, size_t) = tconv_packed_check;
    void (*tensors_init)(tconv_tensors *, size_t) = tconv_tensors_init;
    tconv_status (*run)(const tconv_plan *, const tconv_tensors *) = tconv_run;
    int32_t (*kernel_count)(void) = tconv_kernel_count;
    const char *(*kernel_name)(int32_t) = tconv_kernel_name;
    tconv_status (*gradient_plan_create)(const tconv_spec *, int32_t, const char *, const tconv_hooks *,
                                         tconv_gradient_plan **) = tconv_gradient_plan_create;
    void (*gradient_plan_destroy)(tconv_gradient_plan *) = tconv_gradient_plan_destroy;
    const char *(*gradient_plan_kernel)(const tconv_gradient_plan *) = tconv_gradient_plan_kernel;
    tconv_status (*gradient_plan_requirements)(const tconv_gradient_plan *, tconv_requirements *) =
        tconv_gradient_plan_requirements;
    tconv_status (*gradient_pack_filter)(const tconv_gradient_plan *, const tconv_view *, void *, size_t) =
        tconv_gradient_pack_filter;
    void (*gradient_tensors_init)(tconv_gradient_tensors *, size_t) = tconv_gradient_tensors_init;
    tconv_status (*gradient_run)(const tconv_gradient_plan *, const tconv_gradient_tensors *) = tconv_gradient_run;
    CHECK(gradient_plan_create && gradient_plan_destroy && gradient_plan_kernel && gradient_plan_requirements);
    CHECK(gradient_pack_filter && gradient_tensors_init && gradient_run);
    CHECK(version && status_string && spec_init && spec_validate && spec_output_size && spec_set_output_size);
    CHECK(spec_set_crop && spec_parse && spec_format && view_input && view_output && view_filter && hooks_init);
    CHECK(pool_create && pool_hooks && pool_destroy && plan_create && plan_destroy && requirements_init);
    CHECK(plan_requirements && plan_kernel && plan_explain && pack_filter && packed_check && tensors_init);
    CHECK(run && kernel_count && kernel_name);
}

static void check_enums(void) {
    CHECK(TCONV_VERSION == TCONV_VERSION_MAJOR * 10000 + TCONV_VERSION_MINOR * 100 + TCONV_VERSION_PATCH);
    CHECK(TCONV_OK == 0 && TCONV_INVALID_ARGUMENT == 10 && TCONV_INVALID_SHAPE == 11 && TCONV_INVALID_STRUCT == 12);
    CHECK(TCONV_SIZE_OVERFLOW == 13 && TCONV_UNSUPPORTED == 20 && TCONV_UNSUPPORTED_CPU == 21);
    CHECK(TCONV_WORKSPACE_TOO_SMALL == 30 && TCONV_MISALIGNED == 31 && TCONV_PACKED_MISMATCH == 32);
    CHECK(TCONV_UNSUPPORTED_DEVICE == 22 && TCONV_NO_DRIVER == 42 && TCONV_NO_DEVICE == 43);
    CHECK(TCONV_OUT_OF_MEMORY == 40 && TCONV_DEVICE_ERROR == 41 && TCONV_INTERNAL == 90);
    CHECK(TCONV_F32 == 1 && TCONV_F64 == 2 && TCONV_F16 == 3 && TCONV_BF16 == 4);
    CHECK(TCONV_S8 == 5 && TCONV_U8 == 6 && TCONV_S32 == 7);
    CHECK(TCONV_NCHW == 1 && TCONV_NHWC == 2);
    CHECK(TCONV_IOHW == 1 && TCONV_HWIO == 2 && TCONV_HWOI == 3 && TCONV_OHWI == 4);
    CHECK(TCONV_MATH_FAST == 0 && TCONV_MATH_STRICT == 1 && TCONV_MATH_TF32 == 2);
    CHECK(TCONV_ACT_NONE == 0 && TCONV_ACT_RELU == 1 && TCONV_ACT_LEAKY_RELU == 2 && TCONV_ACT_CLIP == 3);
    CHECK(TCONV_ACT_SIGMOID == 4 && TCONV_ACT_TANH == 5 && TCONV_ACT_ELU == 6 && TCONV_ACT_GELU == 7);
    CHECK(TCONV_ACT_GELU_TANH == 8 && TCONV_ACT_SILU == 9 && TCONV_ACT_HARD_SWISH == 10);
    CHECK(TCONV_ACT_HARD_SIGMOID == 11 && TCONV_ACT_SOFTPLUS == 12 && TCONV_ACT_PRELU == 13);
    CHECK(TCONV_ACT_SOFTMAX == 14 && TCONV_AXIS_CHANNEL == 0 && TCONV_AXIS_LAST == 1);
    CHECK(TCONV_RESIDUAL_NONE == 0 && TCONV_RESIDUAL_BEFORE == 1 && TCONV_RESIDUAL_AFTER == 2);
    CHECK(TCONV_GRADIENT_INPUT == 0 && TCONV_GRADIENT_FILTER == 1 && TCONV_GRADIENT_BIAS == 2);
    CHECK(TCONV_LAYER_TEXT_BYTES == 512);
}

/* The binary interface on 64-bit systems: a field's place never changes, new ones go to the end. */
#define AT(type, field, offset) expect_at(#type "." #field, offsetof(type, field), (offset))

static void expect_at(const char *what, size_t found, size_t expected) {
    if (sizeof(void *) == 8 && found != expected) {
        fprintf(stderr, "%s is at %lu, was at %lu\n", what, (unsigned long)found, (unsigned long)expected);
        ++failures;
    }
}

static void check_layout(void) {
    AT(tconv_spec, struct_size, 0), AT(tconv_spec, dtype, 8), AT(tconv_spec, layout, 12);
    AT(tconv_spec, math, 16), AT(tconv_spec, activation, 20), AT(tconv_spec, softmax_axis, 24);
    AT(tconv_spec, residual, 28), AT(tconv_spec, has_bias, 32), AT(tconv_spec, batch, 36);
    AT(tconv_spec, in_channels, 40), AT(tconv_spec, out_channels, 44), AT(tconv_spec, in_h, 48);
    AT(tconv_spec, in_w, 52), AT(tconv_spec, kernel_h, 56), AT(tconv_spec, kernel_w, 60);
    AT(tconv_spec, stride_h, 64), AT(tconv_spec, stride_w, 68), AT(tconv_spec, dilation_h, 72);
    AT(tconv_spec, dilation_w, 76), AT(tconv_spec, pad_top, 80), AT(tconv_spec, pad_left, 84);
    AT(tconv_spec, pad_bottom, 88), AT(tconv_spec, pad_right, 92), AT(tconv_spec, output_padding_h, 96);
    AT(tconv_spec, output_padding_w, 100), AT(tconv_spec, groups, 104), AT(tconv_spec, act_alpha, 108);
    AT(tconv_spec, act_beta, 112), AT(tconv_spec, max_packed_bytes, 120);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_spec) == 128);
    AT(tconv_view, data, 0), AT(tconv_view, stride, 8);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_view) == 40);
    AT(tconv_hooks, struct_size, 0), AT(tconv_hooks, user, 8), AT(tconv_hooks, allocate, 16);
    AT(tconv_hooks, release, 24), AT(tconv_hooks, parallel_for, 32), AT(tconv_hooks, log, 40);
    AT(tconv_hooks, concurrency, 48);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_hooks) == 56);
    AT(tconv_requirements, struct_size, 0), AT(tconv_requirements, input_bytes, 8);
    AT(tconv_requirements, filter_bytes, 16), AT(tconv_requirements, bias_bytes, 24);
    AT(tconv_requirements, output_bytes, 32), AT(tconv_requirements, packed_filter_bytes, 40);
    AT(tconv_requirements, workspace_bytes, 48), AT(tconv_requirements, alignment, 56);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_requirements) == 64);
    AT(tconv_tensors, struct_size, 0), AT(tconv_tensors, input, 8), AT(tconv_tensors, output, 48);
    AT(tconv_tensors, residual, 88), AT(tconv_tensors, packed_filter, 128), AT(tconv_tensors, bias, 136);
    AT(tconv_tensors, act_slope, 144), AT(tconv_tensors, workspace, 152), AT(tconv_tensors, workspace_bytes, 160);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_tensors) == 168);
    AT(tconv_gradient_tensors, struct_size, 0), AT(tconv_gradient_tensors, input, 8);
    AT(tconv_gradient_tensors, output_gradient, 48), AT(tconv_gradient_tensors, input_gradient, 88);
    AT(tconv_gradient_tensors, filter_gradient, 128), AT(tconv_gradient_tensors, bias_gradient, 168);
    AT(tconv_gradient_tensors, packed_filter, 176), AT(tconv_gradient_tensors, workspace, 184);
    AT(tconv_gradient_tensors, workspace_bytes, 192);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_gradient_tensors) == 200);
}

static void check_use(void) {
    const char *text = "n1_c3_h8_w9_o5_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_relu";
    char message[128], back[TCONV_LAYER_TEXT_BYTES];
    int32_t out_h = 0, out_w = 0, i;
    tconv_spec spec;
    tconv_tensors tensors;
    tconv_requirements requirements;
    tconv_spec_init(&spec, sizeof spec);
    tconv_tensors_init(&tensors, sizeof tensors);
    tconv_requirements_init(&requirements, sizeof requirements);
    CHECK(tensors.struct_size == sizeof tensors && tensors.workspace_bytes == 0 && !tensors.input.data);
    CHECK(requirements.struct_size == sizeof requirements && requirements.alignment == 0);
    CHECK(tconv_spec_parse(text, &spec, message, sizeof message) == TCONV_OK);
    CHECK(tconv_spec_output_size(&spec, &out_h, &out_w) == TCONV_OK && out_h == 16 && out_w == 18);
    CHECK(tconv_spec_format(&spec, back, sizeof back) == TCONV_OK && strcmp(back, text) == 0);
    CHECK(tconv_view_input(&spec, spec.layout, NULL, &tensors.input) == TCONV_OK);
    CHECK(tensors.input.stride[2] == 9);
    tconv_plan_destroy(NULL);
    tconv_pool_destroy(NULL);
    CHECK(tconv_plan_kernel(NULL) == NULL);
    CHECK(tconv_kernel_count() > 0 && tconv_kernel_name(-1) == NULL);
    CHECK(tconv_kernel_name(tconv_kernel_count()) == NULL);
    for (i = 0; i < tconv_kernel_count(); ++i)
        CHECK(strncmp(tconv_kernel_name(i), "tconv_", 6) == 0);
}

/* One input, one tap, one output: gx = gy w, gw = gy x, gb = gy. */
static void check_gradients(void) {
    static const int32_t all[] = {TCONV_GRADIENT_INPUT, TCONV_GRADIENT_FILTER, TCONV_GRADIENT_BIAS};
    float x = 3, w = 5, gy = 7, gx = 0, gw = 0, gb = 0;
    tconv_gradient_tensors tensors;
    tconv_requirements needs;
    tconv_view filter;
    tconv_spec spec;
    size_t i;
    tconv_spec_init(&spec, sizeof spec);
    spec.in_channels = spec.out_channels = spec.in_h = spec.in_w = spec.kernel_h = spec.kernel_w = 1;
    tconv_requirements_init(&needs, sizeof needs);
    tconv_gradient_tensors_init(&tensors, sizeof tensors);
    CHECK(tensors.struct_size == sizeof tensors && !tensors.input.data && !tensors.output_gradient.data);
    CHECK(!tensors.input_gradient.data && !tensors.filter_gradient.data && !tensors.bias_gradient);
    CHECK(!tensors.packed_filter && !tensors.workspace && tensors.workspace_bytes == 0);
    CHECK(tconv_view_filter(&spec, TCONV_IOHW, &w, &filter) == TCONV_OK);
    CHECK(tconv_view_input(&spec, TCONV_NCHW, &x, &tensors.input) == TCONV_OK);
    CHECK(tconv_view_output(&spec, TCONV_NCHW, &gy, &tensors.output_gradient) == TCONV_OK);
    CHECK(tconv_view_input(&spec, TCONV_NCHW, &gx, &tensors.input_gradient) == TCONV_OK);
    CHECK(tconv_view_filter(&spec, TCONV_IOHW, &gw, &tensors.filter_gradient) == TCONV_OK);
    tensors.bias_gradient = &gb;
    for (i = 0; i < sizeof all / sizeof all[0]; ++i) {
        tconv_gradient_plan *plan = NULL;
        tconv_status status = tconv_gradient_plan_create(&spec, all[i], NULL, NULL, &plan);
        char *memory;
        size_t skip;
        if (status == TCONV_UNSUPPORTED) {
            puts("[SKIP] gradients: this library has no float32 kernels");
            return;
        }
        CHECK(status == TCONV_OK);
        CHECK(strncmp(tconv_gradient_plan_kernel(plan), "tconv_f32_", 10) == 0);
        CHECK(tconv_gradient_plan_requirements(plan, &needs) == TCONV_OK && needs.bias_bytes == sizeof gb);
        memory = malloc(needs.packed_filter_bytes + needs.workspace_bytes + 3 * needs.alignment);
        CHECK(memory != NULL);
        skip = needs.alignment - (size_t)memory % needs.alignment;
        tensors.workspace = memory + skip;
        tensors.workspace_bytes = needs.workspace_bytes;
        skip += (needs.workspace_bytes + needs.alignment - 1) / needs.alignment * needs.alignment;
        if (all[i] == TCONV_GRADIENT_INPUT) {
            CHECK(tconv_gradient_pack_filter(plan, &filter, memory + skip, needs.packed_filter_bytes) == TCONV_OK);
            tensors.packed_filter = memory + skip;
        }
        CHECK(tconv_gradient_run(plan, &tensors) == TCONV_OK);
        free(memory);
        tconv_gradient_plan_destroy(plan);
    }
    CHECK(gx == 35 && gw == 21 && gb == 7);
    tconv_gradient_plan_destroy(NULL);
    CHECK(tconv_gradient_plan_kernel(NULL) == NULL);
}

int main(void) {
    check_functions();
    check_enums();
    check_layout();
    check_use();
    check_gradients();
    return failures == 0 ? 0 : 1;
}
