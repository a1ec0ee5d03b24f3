/* Nanoseconds of one tconv_run of a layer text, the median of batches: what bench/python_overhead.py compares with. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <tconv/tconv.h>
#include <time.h>

enum { BATCH = 200, BATCHES = 500 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void *zeros(size_t bytes) {
    char *block = aligned_alloc(64, (bytes + 64) / 64 * 64);
    for (size_t i = 0; i < bytes; i++)
        block[i] = 0;
    return block;
}

int main(int argc, char **argv) {
    static double times[BATCHES];
    tconv_spec spec;
    tconv_plan *plan;
    tconv_requirements need;
    tconv_tensors t;
    tconv_view filter;
    tconv_spec_init(&spec, sizeof spec);
    tconv_requirements_init(&need, sizeof need);
    tconv_tensors_init(&t, sizeof t);
    if (argc != 2 || tconv_spec_parse(argv[1], &spec, NULL, 0) || tconv_plan_create(&spec, NULL, NULL, &plan) ||
        tconv_plan_requirements(plan, &need))
        return 2;
    void *packed = zeros(need.packed_filter_bytes);
    tconv_view_filter(&spec, TCONV_IOHW, zeros(need.filter_bytes), &filter);
    tconv_pack_filter(plan, &filter, packed, need.packed_filter_bytes);
    tconv_view_input(&spec, spec.layout, zeros(need.input_bytes), &t.input);
    tconv_view_output(&spec, spec.layout, zeros(need.output_bytes), &t.output);
    t.packed_filter = packed;
    t.bias = zeros(need.bias_bytes);
    t.workspace = zeros(need.workspace_bytes);
    t.workspace_bytes = need.workspace_bytes;
    for (int i = 0; i < BATCHES; i++) {
        const double start = now();
        for (int j = 0; j < BATCH; j++) {
            if (tconv_run(plan, &t))
                return 1;
        }
        times[i] = (now() - start) / BATCH;
    }
    qsort(times, BATCHES, sizeof times[0], ascending);
    printf("%.1f\n", times[BATCHES / 2]);
    return 0;
}
