#include "tconv/tconv.h"

uint32_t tconv_version(void) {
    return TCONV_VERSION;
}

const char *tconv_status_string(tconv_status status) {
    switch (status) {
        case TCONV_OK:
            return "Success.";
        case TCONV_INVALID_ARGUMENT:
            return "An argument is NULL, below its smallest value, not a known enum or environment value, or "
                   "tensors overlap.";
        case TCONV_INVALID_SHAPE:
            return "The output padding or output size is out of range, or no output is left.";
        case TCONV_INVALID_STRUCT:
            return "A struct_size is not one that this version of the library knows.";
        case TCONV_SIZE_OVERFLOW:
            return "One image or the reach of one view exceeds 2147483647 elements.";
        case TCONV_UNSUPPORTED:
            return "The layer is valid, but this library has no kernel for it.";
        case TCONV_UNSUPPORTED_CPU:
            return "The kernel exists, but this processor lacks its instructions.";
        case TCONV_UNSUPPORTED_DEVICE:
            return "The accelerator is older than any that the library has code for.";
        case TCONV_WORKSPACE_TOO_SMALL:
            return "The workspace has fewer bytes than the plan requires.";
        case TCONV_MISALIGNED:
            return "A pointer has less alignment than the plan requires.";
        case TCONV_PACKED_MISMATCH:
            return "The packed filter is damaged or was made for another kernel, layer, version or byte order.";
        case TCONV_OUT_OF_MEMORY:
            return "Memory could not be allocated or a thread could not be started.";
        case TCONV_DEVICE_ERROR:
            return "An accelerator reported an error.";
        case TCONV_NO_DRIVER:
            return "The driver of the accelerator is missing or does not work.";
        case TCONV_NO_DEVICE:
            return "There is no accelerator of this number.";
        case TCONV_INTERNAL:
            return "A defect in tconv was detected; please report it.";
    }
    return "Not a status of this version of the library.";
}
