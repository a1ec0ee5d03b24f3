// A status of the C library as a Python exception.
#pragma once

#include <string>

#include "tconv/tconv.h"

namespace tconv::python {

// hooks.log of every plan: keeps the last message of this thread for raise(), prints those that report a choice.
void log(void *user, tconv_status status, const char *message);

// Throws what becomes ValueError, NotImplementedError, MemoryError or RuntimeError, with the message, or if that is
// empty the one that log() kept, or else the status in words.
[[noreturn]] void raise(tconv_status status, const std::string &message = "");

inline void check(tconv_status status) {
    if (status != TCONV_OK)
        raise(status);
}

}  // namespace tconv::python
