/* A user's program, in C99 and linked as C: one 2x2 layer of stride 2, whose output is each input value times the
 * filter. Every way to consume the package builds and runs this file. */
#include <stdio.h>
#include <stdlib.h>
#include <tconv/tconv.h>

static void *aligned(size_t bytes, size_t alignment) { /* never freed: the program ends with it */
    char *block = malloc(bytes + alignment);
    return block ? block + (alignment - (size_t)block % alignment) : NULL;
}

int main(void) {
    const float input[4] = {1, 2, 3, 4}, filter[4] = {1, 10, 100, 1000}, bias[1] = {5};
    float output[16];
    tconv_spec spec;
    tconv_plan *plan;
    tconv_requirements need;
    tconv_tensors tensors;
    tconv_view weights;
    char why[256] = "";
    int wrong = 0, row, column;

    if (tconv_version() != TCONV_VERSION) {
        printf("header and library are of different versions\n");
        return 1;
    }
    tconv_spec_init(&spec, sizeof spec);
    tconv_requirements_init(&need, sizeof need);
    tconv_tensors_init(&tensors, sizeof tensors);
    if (tconv_spec_parse("n1_c1_h2_w2_o1_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw", &spec, why, sizeof why) ||
        tconv_plan_create(&spec, NULL, NULL, &plan) || tconv_plan_requirements(plan, &need)) {
        printf("no plan %s\n", why);
        return 1;
    }
    void *packed = aligned(need.packed_filter_bytes, need.alignment);
    tensors.packed_filter = packed;
    tensors.workspace = aligned(need.workspace_bytes, need.alignment);
    tensors.workspace_bytes = need.workspace_bytes;
    tensors.bias = bias;
    tconv_view_input(&spec, TCONV_NCHW, input, &tensors.input);
    tconv_view_output(&spec, TCONV_NCHW, output, &tensors.output);
    tconv_view_filter(&spec, TCONV_IOHW, filter, &weights);
    if (tconv_pack_filter(plan, &weights, packed, need.packed_filter_bytes) || tconv_run(plan, &tensors)) {
        printf("%s did not run\n", tconv_plan_kernel(plan));
        return 1;
    }
    for (row = 0; row < 4; row++)
        for (column = 0; column < 4; column++)
            wrong += output[4 * row + column] !=
                     input[row / 2 * 2 + column / 2] * filter[row % 2 * 2 + column % 2] + bias[0];
    printf("%s: %d of 16 outputs wrong\n", tconv_plan_kernel(plan), wrong);
    tconv_plan_destroy(plan);
    return wrong != 0;
}
