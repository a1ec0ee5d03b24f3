// Parser and printer of the layer text. Grammar (every mandatory item, in this order):
//     n# _c# _h# _w# _o# _k#x# _s#x# _p#,#,#,# _op#,# _d#x# _g# _<dtype> _<layout>
// then, in any order and each at most once; printed in this order:
//     _<activation>[parameters]  _resbefore | _resafter  _nobias  _strict | _tf32
// # is a decimal int32 with an optional minus sign; parameters are decimal floats.
#include "layer_text.h"

#include <clocale>
#include <cstdlib>
#include <cstring>

#include "spec.h"
#include "structs.h"

namespace tconv {
namespace {

struct Word {
    const char *text;
    int32_t value;
};

constexpr Word kDtypes[] = {{"f32", TCONV_F32}, {"f64", TCONV_F64}, {"f16", TCONV_F16}, {"bf16", TCONV_BF16},
                            {"s8", TCONV_S8},   {"u8", TCONV_U8},   {"s32", TCONV_S32}};
constexpr Word kLayouts[] = {{"nchw", TCONV_NCHW}, {"nhwc", TCONV_NHWC}};

// Longer words stand before their own prefixes, so the first match is the right one.
constexpr Word kActivations[] = {{"relu", TCONV_ACT_RELU},
                                 {"leaky_relu", TCONV_ACT_LEAKY_RELU},
                                 {"clip", TCONV_ACT_CLIP},
                                 {"sigmoid", TCONV_ACT_SIGMOID},
                                 {"tanh", TCONV_ACT_TANH},
                                 {"elu", TCONV_ACT_ELU},
                                 {"gelu_tanh", TCONV_ACT_GELU_TANH},
                                 {"gelu", TCONV_ACT_GELU},
                                 {"silu", TCONV_ACT_SILU},
                                 {"hard_swish", TCONV_ACT_HARD_SWISH},
                                 {"hard_sigmoid", TCONV_ACT_HARD_SIGMOID},
                                 {"softplus", TCONV_ACT_SOFTPLUS},
                                 {"prelu", TCONV_ACT_PRELU},
                                 {"softmax", TCONV_ACT_SOFTMAX}};

template<size_t N>
const char *word_of(const Word (&words)[N], int32_t value) {
    for (const Word &word : words) {
        if (word.value == value)
            return word.text;
    }
    return nullptr;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

class Parser {
public:
    Parser(const char *text, Message &message) : text_(text), at_(text), message_(message) {}

    tconv_status parse(tconv_spec *s) {
        const bool mandatory =
            integer("n", "batch", &s->batch) && integer("_c", "in_channels", &s->in_channels) &&
            integer("_h", "in_h", &s->in_h) && integer("_w", "in_w", &s->in_w) &&
            integer("_o", "out_channels", &s->out_channels) && integer("_k", "kernel_h", &s->kernel_h) &&
            integer("x", "kernel_w", &s->kernel_w) && integer("_s", "stride_h", &s->stride_h) &&
            integer("x", "stride_w", &s->stride_w) && integer("_p", "pad_top", &s->pad_top) &&
            integer(",", "pad_left", &s->pad_left) && integer(",", "pad_bottom", &s->pad_bottom) &&
            integer(",", "pad_right", &s->pad_right) && integer("_op", "output_padding_h", &s->output_padding_h) &&
            integer(",", "output_padding_w", &s->output_padding_w) && integer("_d", "dilation_h", &s->dilation_h) &&
            integer("x", "dilation_w", &s->dilation_w) && integer("_g", "groups", &s->groups) &&
            choice(kDtypes, "dtype (f32, f64, f16, bf16, s8, u8 or s32)", &s->dtype) &&
            choice(kLayouts, "layout (nchw or nhwc)", &s->layout);
        if (!mandatory)
            return TCONV_INVALID_ARGUMENT;
        while (*at_ != '\0') {
            if (!option(s))
                return TCONV_INVALID_ARGUMENT;
        }
        return TCONV_OK;
    }

private:
    bool fail(const char *expected) {
        if (*at_ == '\0') {
            message_.fail(TCONV_INVALID_ARGUMENT, "layer text, position %d: expected %s, but the text ends",
                          static_cast<int>(at_ - text_), expected);
        } else {
            message_.fail(TCONV_INVALID_ARGUMENT, "layer text, position %d: expected %s, found '%.16s'",
                          static_cast<int>(at_ - text_), expected, at_);
        }
        return false;
    }

    bool skip(const char *literal) {
        const size_t length = std::strlen(literal);
        if (std::strncmp(at_, literal, length) != 0)
            return false;
        at_ += length;
        return true;
    }

    bool at_end_of_item() const { return *at_ == '\0' || *at_ == '_'; }

    bool integer(const char *prefix, const char *field, int32_t *value) {
        char expected[64];
        std::snprintf(expected, sizeof expected, "'%s' and the integer %s", prefix, field);
        if (!skip(prefix))
            return fail(expected);
        const char *const start = at_;
        const bool negative = *at_ == '-';
        if (negative)
            ++at_;
        int64_t number = 0;
        const char *const digits = at_;
        for (; is_digit(*at_); ++at_) {
            number = number * 10 + (*at_ - '0');
            if (number > int64_t{1} << 31)
                break;
        }
        if (at_ == digits || number > kMaxElements + (negative ? 1 : 0)) {
            at_ = start;
            std::snprintf(expected, sizeof expected, "%s, an integer within 32 bits", field);
            return fail(expected);
        }
        *value = static_cast<int32_t>(negative ? -number : number);
        return true;
    }

    template<size_t N>
    bool choice(const Word (&words)[N], const char *what, int32_t *value) {
        const char *const start = at_;
        if (skip("_")) {
            const char *const word_start = at_;
            for (const Word &word : words) {
                at_ = word_start;
                if (skip(word.text) && at_end_of_item()) {
                    *value = word.value;
                    return true;
                }
            }
        }
        at_ = start;
        char expected[80];
        std::snprintf(expected, sizeof expected, "'_' and the %s", what);
        return fail(expected);
    }

    bool once(bool *seen, const char *what) {
        if (*seen) {
            char expected[64];
            std::snprintf(expected, sizeof expected, "no second %s", what);
            return fail(expected);
        }
        *seen = true;
        return true;
    }

    bool option(tconv_spec *s) {
        const char *const start = at_;
        if (!skip("_"))
            return fail("'_' or the end of the text");
        if (keyword("resbefore", start))
            return once(&residual_, "residual") && set(&s->residual, TCONV_RESIDUAL_BEFORE);
        if (keyword("resafter", start))
            return once(&residual_, "residual") && set(&s->residual, TCONV_RESIDUAL_AFTER);
        if (keyword("nobias", start))
            return once(&bias_, "nobias") && set(&s->has_bias, 0);
        if (keyword("strict", start))
            return once(&math_, "math mode") && set(&s->math, TCONV_MATH_STRICT);
        if (keyword("tf32", start))
            return once(&math_, "math mode") && set(&s->math, TCONV_MATH_TF32);
        for (const Word &word : kActivations) {
            at_ = start + 1;
            if (!skip(word.text))
                continue;
            const char *const parameters = at_;
            at_ = start;
            if (!once(&activation_, "activation"))
                return false;
            at_ = parameters;
            s->activation = word.value;
            return activation_parameters(s);
        }
        at_ = start;
        return fail("an activation, '_resbefore', '_resafter', '_nobias', '_strict', '_tf32' or the end");
    }

    // A word that fills its item; leaves the position at the start of the item if it does not.
    bool keyword(const char *word, const char *item) {
        at_ = item + 1;
        if (skip(word) && at_end_of_item())
            return true;
        at_ = item + 1;
        return false;
    }

    static bool set(int32_t *field, int32_t value) {
        *field = value;
        return true;
    }

    bool activation_parameters(tconv_spec *s) {
        switch (s->activation) {
            case TCONV_ACT_LEAKY_RELU:
                if (!number("the slope of leaky_relu", &s->act_alpha))
                    return false;
                break;
            case TCONV_ACT_ELU:
                if (!number("the alpha of elu", &s->act_alpha))
                    return false;
                break;
            case TCONV_ACT_CLIP:
                if (!number("the lower bound of clip", &s->act_alpha))
                    return false;
                if (!skip(","))
                    return fail("',' and the upper bound of clip");
                if (!number("the upper bound of clip", &s->act_beta))
                    return false;
                break;
            case TCONV_ACT_SOFTMAX:
                if (skip("_last"))
                    s->softmax_axis = TCONV_AXIS_LAST;
                break;
            default:
                break;
        }
        return at_end_of_item() || fail("'_' or the end of the text");
    }

    // [-]digits[.digits][e[+-]digits]: no spaces, hexadecimal, infinity or NaN, which strtof would take.
    bool number(const char *what, float *value) {
        const char *p = at_;
        if (*p == '-')
            ++p;
        const char *const whole = p;
        while (is_digit(*p))
            ++p;
        bool digits = p > whole;
        if (*p == '.') {
            const char *const fraction = ++p;
            while (is_digit(*p))
                ++p;
            digits = digits || p > fraction;
        }
        if (digits && (*p == 'e' || *p == 'E')) {
            ++p;
            if (*p == '-' || *p == '+')
                ++p;
            digits = is_digit(*p);
            while (is_digit(*p))
                ++p;
        }
        if (!digits || p - at_ > 60)
            return fail(what);
        // strtof wants the decimal point of the process's locale, which need not be '.' nor one byte.
        const char *const point = std::localeconv()->decimal_point;
        char text[80];
        size_t length = 0;
        for (const char *c = at_; c < p; ++c) {
            if (*c != '.') {
                text[length++] = *c;
                continue;
            }
            for (const char *b = point; *b != '\0' && length < sizeof text - 1; ++b)
                text[length++] = *b;
        }
        text[length] = '\0';
        *value = std::strtof(text, nullptr);
        at_ = p;
        return true;
    }

    const char *text_, *at_;
    Message &message_;
    bool activation_ = false, residual_ = false, bias_ = false, math_ = false;
};

void format_activation(const tconv_spec &s, Message &out) {
    char alpha[kFloatText], beta[kFloatText];
    format_float(s.act_alpha, alpha);
    format_float(s.act_beta, beta);
    if (s.activation == TCONV_ACT_NONE)
        return;
    out.append("_%s", activation_name(s.activation));
    if (s.activation == TCONV_ACT_LEAKY_RELU || s.activation == TCONV_ACT_ELU)
        out.append("%s", alpha);
    if (s.activation == TCONV_ACT_CLIP)
        out.append("%s,%s", alpha, beta);
    if (s.activation == TCONV_ACT_SOFTMAX && s.softmax_axis == TCONV_AXIS_LAST)
        out.append("_last");
}

}  // namespace

const char *dtype_name(int32_t dtype) {
    return word_of(kDtypes, dtype);
}
const char *math_name(int32_t math) {
    return math == TCONV_MATH_STRICT ? "strict" : math == TCONV_MATH_TF32 ? "tf32" : math == TCONV_MATH_FAST ? "fast" : nullptr;
}
const char *layout_name(int32_t layout) {
    return word_of(kLayouts, layout);
}
const char *activation_name(int32_t activation) {
    return activation == TCONV_ACT_NONE ? "none" : word_of(kActivations, activation);
}

void format_float(float value, char (&text)[kFloatText]) {
    for (int digits = 1; digits <= 9; ++digits) {  // 9 digits always suffice for a float
        std::snprintf(text, sizeof text, "%.*g", digits, static_cast<double>(value));
        if (std::strtof(text, nullptr) == value)
            break;
    }
    const char *const point = std::localeconv()->decimal_point;
    char *const found = std::strstr(text, point);
    if (found != nullptr && std::strcmp(point, ".") != 0) {
        const size_t length = std::strlen(point);
        *found = '.';
        std::memmove(found + 1, found + length, std::strlen(found + length) + 1);
    }
}

}  // namespace tconv

using namespace tconv;

tconv_status tconv_spec_parse(const char *text, tconv_spec *spec, char *message_text, size_t capacity) {
    Message message(message_text, capacity);
    if (text == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "text is NULL");
    if (spec == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "spec is NULL");
    if (!struct_size_known<tconv_spec>(spec->struct_size)) {
        return message.fail(TCONV_INVALID_STRUCT, "struct_size is %zu; this library knows %zu (tconv_spec_init)",
                            spec->struct_size, sizeof(tconv_spec));
    }
    tconv_spec parsed;
    tconv_spec_init(&parsed, sizeof parsed);
    if (const tconv_status status = Parser(text, message).parse(&parsed))
        return status;
    if (const tconv_status status = validate(&parsed, message))
        return status;
    *spec = parsed;
    return TCONV_OK;
}

tconv_status tconv_spec_format(const tconv_spec *spec, char *text, size_t capacity) {
    Message unread(nullptr, 0);
    if (const tconv_status status = validate(spec, unread))
        return status;
    if (text == nullptr)
        return TCONV_INVALID_ARGUMENT;
    const tconv_spec &s = *spec;
    char line[TCONV_LAYER_TEXT_BYTES];
    Message out(line, sizeof line);
    out.append("n%d_c%d_h%d_w%d_o%d_k%dx%d_s%dx%d_p%d,%d,%d,%d_op%d,%d_d%dx%d_g%d_%s_%s", s.batch, s.in_channels,
               s.in_h, s.in_w, s.out_channels, s.kernel_h, s.kernel_w, s.stride_h, s.stride_w, s.pad_top, s.pad_left,
               s.pad_bottom, s.pad_right, s.output_padding_h, s.output_padding_w, s.dilation_h, s.dilation_w, s.groups,
               dtype_name(s.dtype), layout_name(s.layout));
    format_activation(s, out);
    if (s.residual == TCONV_RESIDUAL_BEFORE)
        out.append("_resbefore");
    if (s.residual == TCONV_RESIDUAL_AFTER)
        out.append("_resafter");
    if (!s.has_bias)
        out.append("_nobias");
    if (s.math == TCONV_MATH_STRICT)
        out.append("_strict");
    if (s.math == TCONV_MATH_TF32)
        out.append("_tf32");
    if (out.length() >= capacity)
        return TCONV_INVALID_ARGUMENT;
    std::memcpy(text, line, out.length() + 1);
    return TCONV_OK;
}
