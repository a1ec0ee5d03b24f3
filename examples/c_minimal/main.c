/* A picture twice as large, bilinearly: the transposed convolution of stride 2 with (1 3 3 1) / 4 in both directions. */
#define _POSIX_C_SOURCE 200112L /* posix_memalign */
#include <stdio.h>
#include <stdlib.h>
#include <tconv/tconv.h>

static void check(tconv_status status) {
    if (status != TCONV_OK) {
        fprintf(stderr, "%s\n", tconv_status_string(status));
        exit(1);
    }
}

int main(void) {
    const float picture[16] = {1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4};
    const float filter[16] = {1, 3, 3, 1, 3, 9, 9, 3, 3, 9, 9, 3, 1, 3, 3, 1}; /* times 16 */
    float larger[36];
    void *packed, *workspace;
    int column;

    tconv_spec spec;
    tconv_spec_init(&spec, sizeof spec);
    check(tconv_spec_parse("n1_c1_h4_w4_o1_k4x4_s2x2_p2,2,2,2_op0,0_d1x1_g1_f32_nchw_nobias", &spec, NULL, 0));

    /* A plan picks the kernel for this layer and processor. It says what memory it wants, and never allocates later. */
    tconv_plan *plan;
    tconv_requirements need;
    tconv_requirements_init(&need, sizeof need);
    check(tconv_plan_create(&spec, NULL, NULL, &plan));
    check(tconv_plan_requirements(plan, &need));
    if (posix_memalign(&packed, need.alignment, need.packed_filter_bytes) != 0 ||
        posix_memalign(&workspace, need.alignment, need.workspace_bytes) != 0) {
        return 1;
    }

    /* Once for each filter. */
    tconv_view weights;
    check(tconv_view_filter(&spec, TCONV_IOHW, filter, &weights));
    check(tconv_pack_filter(plan, &weights, packed, need.packed_filter_bytes));

    /* As often as you like. */
    tconv_tensors tensors;
    tconv_tensors_init(&tensors, sizeof tensors);
    check(tconv_view_input(&spec, TCONV_NCHW, picture, &tensors.input));
    check(tconv_view_output(&spec, TCONV_NCHW, larger, &tensors.output));
    tensors.packed_filter = packed;
    tensors.workspace = workspace;
    tensors.workspace_bytes = need.workspace_bytes;
    check(tconv_run(plan, &tensors));

    printf("%s:", tconv_plan_kernel(plan));
    for (column = 0; column < 6; column++) {
        printf(" %.2f", larger[column] / 16);
    }
    printf("\n");
    tconv_plan_destroy(plan);
    free(packed);
    free(workspace);
    return 0;
}
