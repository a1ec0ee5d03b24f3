/* A program that links tconv::cuda on a machine without a driver: a status, not a crash. C99, linked as C. */
#include <stdio.h>
#include <string.h>

#include <tconv/tconv_cuda.h>

static char said[512];

static void listen(void *user, tconv_status status, const char *message) {
    (void)user;
    (void)status;
    strncpy(said, message, sizeof said - 1);
}

int main(void) {
    tconv_spec spec;
    tconv_hooks hooks;
    tconv_cuda_target target;
    tconv_cuda_plan *plan = NULL;
    int32_t count = -1;
    tconv_status status;
    tconv_spec_init(&spec, sizeof spec);
    tconv_hooks_init(&hooks, sizeof hooks);
    tconv_cuda_target_init(&target, sizeof target);
    hooks.log = listen;
    if (tconv_spec_parse("n1_c8_h4_w4_o8_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nhwc", &spec, NULL, 0))
        return 1;
    status = tconv_cuda_device_count(&count);
    if (status == TCONV_OK) {
        printf("[SKIP] this machine has a driver, and %d devices\n", (int)count);
        return 0;
    }
    if (status != TCONV_NO_DRIVER || count != -1)
        return 2;
    status = tconv_cuda_plan_create(&spec, NULL, &target, &hooks, &plan);
    printf("%d: %s (%s)\n", (int)status, tconv_status_string(status), said);
    if (status != TCONV_NO_DRIVER || plan != NULL || strstr(said, "libcuda.so.1") == NULL)
        return 3;
    tconv_cuda_plan_destroy(plan);
    return tconv_cuda_kernel_count() < 1 || tconv_cuda_kernel_name(0) == NULL || tconv_cuda_kernel_name(-1) != NULL;
}
