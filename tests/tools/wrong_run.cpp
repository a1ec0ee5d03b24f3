// tconv_run with a defect: one byte of element (0, 0, 0, 0) of the output, of whatever type, is wrong.
#include "tconv/tconv.h"

extern "C" tconv_status __real_tconv_run(const tconv_plan *plan, const tconv_tensors *tensors);

extern "C" tconv_status __wrap_tconv_run(const tconv_plan *plan, const tconv_tensors *tensors) {
    const tconv_status status = __real_tconv_run(plan, tensors);
    if (status == TCONV_OK)
        static_cast<unsigned char *>(tensors->output.data)[1] ^= 1;
    return status;
}
