// A bounded sink for texts that go into a caller's buffer: always terminated, never past the capacity, and
// a NULL buffer or a capacity of zero is a sink that keeps nothing.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdio>

#include "tconv/tconv.h"

namespace tconv {

class Message {
public:
    Message(char *text, size_t capacity) : text_(text), capacity_(text ? capacity : 0) { clear(); }
    Message(const Message &) = delete;
    Message &operator=(const Message &) = delete;

    void clear() {
        length_ = 0;
        if (capacity_ > 0)
            text_[0] = '\0';
    }

    __attribute__((format(printf, 2, 3))) void append(const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        append_list(format, arguments);
        va_end(arguments);
    }

    void append_list(const char *format, va_list arguments) {
        const size_t room = capacity_ - length_;
        const int wanted = std::vsnprintf(room > 0 ? text_ + length_ : nullptr, room, format, arguments);
        if (wanted < 0)
            return;
        if (static_cast<size_t>(wanted) < room) {
            length_ += static_cast<size_t>(wanted);
        } else {
            length_ = capacity_ > 0 ? capacity_ - 1 : 0;
        }
    }

    // Replaces the text and gives the status back, so that a check reads `return message.fail(STATUS,
    // "...")`.
    __attribute__((format(printf, 3, 4))) tconv_status fail(tconv_status status, const char *format, ...) {
        clear();
        va_list arguments;
        va_start(arguments, format);
        append_list(format, arguments);
        va_end(arguments);
        return status;
    }

    size_t length() const { return length_; }
    const char *text() const { return capacity_ > 0 ? text_ : ""; }

private:
    char *text_;
    size_t capacity_;
    size_t length_ = 0;
};

}  // namespace tconv
