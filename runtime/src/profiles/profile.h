// What the profiles share. A profile is a list of statements about a framework's parameters: what is allowed, then which
// part of the full scatter each axis keeps. The first statement that fails decides; those after it do nothing, and see
// axes of one element, on which no arithmetic fails.
#pragma once

#include "../geometry.h"
#include "../message.h"
#include "../spec.h"
#include "../structs.h"
#include "tconv/tconv_profiles.h"

namespace tconv {

// A parameter as messages write it: name, or name[index].
struct Parameter {
    Parameter(const char *of) : name(of) {}
    Parameter(const char *of, int at) : name(of), index(at) {}

    const char *name;
    int index = -1;
};

constexpr int32_t kUnbounded = 2147483647;

class Profile {
public:
    Profile(const tconv_spec &spec, Message &message);

    // low <= value <= high, else the status. high may be kUnbounded. An empty range is what padding that leaves no
    // output makes of an output size, and the message says so.
    void require(tconv_status failure, const Parameter &parameter, int64_t value, int64_t low, int64_t high);
    void require_not_negative(const char *name, const int32_t *values, int count);  // INVALID_ARGUMENT
    void require_choice(const char *name, int32_t value, int32_t low, int32_t high) {
        require(TCONV_INVALID_ARGUMENT, name, value, low, high);
    }

    // Before take_steps, where the framework has a parameter for it; else the spec's own groups count.
    void take_groups(const char *name, int32_t groups);

    // Checks what the caller has set in the spec, then takes strides and dilations over.
    void take_steps(const char *stride_name, const int32_t (&stride)[2], const char *dilation_name,
                    const int32_t (&dilation)[2]);

    // 0 is rows, 1 is columns.
    const Axis &axis(int a) const { return axes_[a]; }

    // An axis keeps [crop, crop + out). With out < 1 it fails: this much padding leaves no output.
    void keep(int a, int64_t crop, int64_t out, const char *padding, int64_t begin, int64_t end);
    void keep(int a, int64_t crop, int64_t out) { kept_[a] = {crop, out}; }

    bool failed() const { return status_ != TCONV_OK; }
    __attribute__((format(printf, 3, 4))) void fail(tconv_status status, const char *format, ...);

    // Writes the completed spec, or nothing.
    tconv_status finish(tconv_spec *spec);

private:
    tconv_spec spec_;
    Message &message_;
    tconv_status status_ = TCONV_OK;
    Axis axes_[2];
    Kept kept_[2];
};

// Runs rule(params, profile) between the checks that come first and those that come last.
template<typename Params, typename Rule>
tconv_status complete(tconv_spec *spec, const Params *params, char *text, size_t capacity, Rule rule) {
    Message message(text, capacity);
    if (spec == nullptr || params == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "%s is NULL", spec == nullptr ? "spec" : "params");
    if (!struct_size_known<tconv_spec>(spec->struct_size)) {
        return message.fail(TCONV_INVALID_STRUCT, "struct_size of the spec is %zu; this library knows %zu",
                            spec->struct_size, sizeof(tconv_spec));
    }
    if (!struct_size_known<Params>(params->struct_size)) {
        return message.fail(TCONV_INVALID_STRUCT, "struct_size of the parameters is %zu; this library knows %zu",
                            params->struct_size, sizeof(Params));
    }
    Profile profile(*spec, message);
    rule(*params, profile);
    return profile.finish(spec);
}

// Numbers of padding as a framework's user writes them: 1 for all sides, 2 for rows and columns, 4 for top, bottom,
// left, right. With any other count, which fails, all are 0.
struct Sides {
    int32_t begin[2], end[2];
};
Sides sides_of(const char *name, const int32_t (&values)[4], const char *count_name, int32_t count, Profile &profile);

}  // namespace tconv
