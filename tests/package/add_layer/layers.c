/* Each output is an input value times one of the filter's, plus the bias where there is one. */
#include <from_table.h>
#include <on_gpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <tconv/tconv.h>
#include <up.h>

static void *aligned(size_t bytes, size_t alignment) { /* never freed: the program ends with it */
    char *block = malloc(bytes + alignment);
    return block ? block + (alignment - (size_t)block % alignment) : NULL;
}

static int wrong(const float *output, const float *input, const float *filter, float bias, const char *layer) {
    int count = 0, row, column;
    for (row = 0; row < 4; row++)
        for (column = 0; column < 4; column++)
            count += output[4 * row + column] !=
                     input[row / 2 * 2 + column / 2] * filter[row % 2 * 2 + column % 2] + bias;
    printf("%s: %d of 16 outputs wrong\n", layer, count);
    return count;
}

int main(void) {
    const float input[4] = {1, 2, 3, 4}, filter[4] = {1, 10, 100, 1000}, bias[1] = {5};
    float output[16];
    int count;
    void *packed = aligned(UP_PACKED_BYTES, UP_ALIGNMENT), *workspace = aligned(UP_WORKSPACE_BYTES, UP_ALIGNMENT);
    if (up_pack(filter, packed) || up_run(input, packed, bias, output, workspace))
        return 1;
    count = wrong(output, input, filter, bias[0], UP_LAYER);

    packed = aligned(FROM_TABLE_PACKED_BYTES, FROM_TABLE_ALIGNMENT);
    workspace = aligned(FROM_TABLE_WORKSPACE_BYTES, FROM_TABLE_ALIGNMENT);
    if (from_table_pack(filter, packed) || from_table_run(input, packed, output, workspace))
        return 1;
    count += wrong(output, input, filter, 0, FROM_TABLE_LAYER);
    /* Linked, and refused before anything looks for a GPU. */
    if (on_gpu_run(NULL, packed, bias, output, workspace, NULL) != TCONV_INVALID_ARGUMENT)
        return 1;
    return count != 0 || tconv_version() != TCONV_VERSION;
}
