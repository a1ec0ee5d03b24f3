#include "failure.h"

#include <nanobind/nanobind.h>

#include <cstdio>

namespace nb = nanobind;

namespace tconv::python {

namespace {

// The library reports on the thread that called it, so the message needs no lock. Plain memory: log() is called from C
// and must not throw.
thread_local char last_message[1024];

PyObject *exception_of(tconv_status status) {
    switch (status) {
        case TCONV_INVALID_ARGUMENT:
        case TCONV_INVALID_SHAPE:
        case TCONV_SIZE_OVERFLOW:
        case TCONV_MISALIGNED:
        case TCONV_PACKED_MISMATCH:
            return PyExc_ValueError;
        case TCONV_UNSUPPORTED:
        case TCONV_UNSUPPORTED_CPU:
        case TCONV_UNSUPPORTED_DEVICE:
            return PyExc_NotImplementedError;
        case TCONV_OUT_OF_MEMORY:
            return PyExc_MemoryError;
        default:
            return PyExc_RuntimeError;
    }
}

}  // namespace

void log(void *, tconv_status status, const char *message) {
    if (status == TCONV_OK) {
        std::fprintf(stderr, "%s\n", message);
    } else {
        std::snprintf(last_message, sizeof last_message, "%s", message);
    }
}

void raise(tconv_status status, const std::string &message) {
    std::string text = message.empty() ? last_message : message;
    last_message[0] = '\0';
    if (text.empty())
        text = tconv_status_string(status);
    PyErr_SetString(exception_of(status), text.c_str());
    throw nb::python_error();
}

}  // namespace tconv::python
