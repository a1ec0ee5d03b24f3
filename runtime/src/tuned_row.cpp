#include "tuned_row.h"

#include <charconv>
#include <cstring>
#include <limits>

#include "geometry.h"

namespace tconv {

namespace {

// The fields of a line, one after the other. The layer, whose text has commas, stands in quotes.
class Fields {
public:
    explicit Fields(const char *line) : at_(line) {}

    // False if there is no further field, or it does not fit.
    bool next(char *text, size_t capacity) {
        if (at_ == nullptr)
            return false;
        const char *begin = at_, *end;
        if (*begin == '"') {
            begin++;
            end = std::strchr(begin, '"');
            if (end == nullptr || (end[1] != ',' && end[1] != '\0'))
                return false;
            at_ = end[1] == ',' ? end + 2 : nullptr;
        } else {
            end = begin + std::strcspn(begin, ",");
            at_ = *end == ',' ? end + 1 : nullptr;
        }
        const size_t length = static_cast<size_t>(end - begin);
        if (length >= capacity)
            return false;
        std::memcpy(text, begin, length);
        text[length] = '\0';
        return true;
    }
    bool ended() const { return at_ == nullptr; }

private:
    const char *at_;
};

bool read_size(const char *text, int32_t *value) {
    const char *const end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, *value);
    return error == std::errc() && stop == end && *value >= 0;
}

bool is_decimal(const char *text) {
    return *text != '\0' && text[std::strspn(text, "0123456789.")] == '\0';
}

enum class Groups { one, depthwise, some };

Groups groups_of(const tconv_spec &spec) {
    if (spec.groups == 1)
        return Groups::one;
    return spec.groups == spec.in_channels && spec.groups == spec.out_channels ? Groups::depthwise : Groups::some;
}

double ratio(double a, double b) {
    return a > b ? a / b : b / a;
}

}  // namespace

tconv_spec class_of(const tconv_spec &spec) {
    tconv_spec one = spec;
    one.batch = 1;
    one.has_bias = 1;
    one.math = TCONV_MATH_FAST;
    one.max_packed_bytes = -1;
    switch (spec.activation) {
        case TCONV_ACT_SOFTMAX:
            break;
        case TCONV_ACT_NONE:
        case TCONV_ACT_RELU:
        case TCONV_ACT_LEAKY_RELU:
        case TCONV_ACT_CLIP:
        case TCONV_ACT_PRELU:
            one.activation = TCONV_ACT_NONE;
            break;
        default:
            one.activation = TCONV_ACT_TANH;  // for all that are evaluated by polynomials
            break;
    }
    return canonical_of(one);
}

ClassText class_text(const tconv_spec &spec) {
    ClassText layer;
    const tconv_spec one = class_of(spec);
    if (tconv_spec_format(&one, layer.text, sizeof layer.text) != TCONV_OK)
        layer.text[0] = '\0';
    return layer;
}

bool parse_tuned_row(const char *line, TunedRow *row, Message &complaint) {
    char block_h[16], block_w[16], units[16];
    const struct {
        const char *name;
        char *text;
        size_t capacity;
    } columns[] = {{"layer", row->layer, sizeof row->layer},
                   {"microarchitecture", row->microarchitecture, sizeof row->microarchitecture},
                   {"kernel", row->kernel, sizeof row->kernel},
                   {"block_h", block_h, sizeof block_h},
                   {"block_w", block_w, sizeof block_w},
                   {"units", units, sizeof units},
                   {"gflops", row->gflops, sizeof row->gflops},
                   {"of_peak", row->of_peak, sizeof row->of_peak},
                   {"cpu", row->cpu, sizeof row->cpu},
                   {"version", row->version, sizeof row->version},
                   {"date", row->date, sizeof row->date}};
    Fields fields(line);
    for (const auto &column : columns) {
        if (!fields.next(column.text, column.capacity) || *column.text == '\0') {
            complaint.append("column %s is missing, empty or too long", column.name);
            return false;
        }
    }
    if (!fields.ended()) {
        complaint.append("there are more columns than the header has");
        return false;
    }
    if (row->kernel[std::strspn(row->kernel, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0') {
        complaint.append("column kernel: '%s' is no name of a kernel", row->kernel);  // files are named after it
        return false;
    }
    const struct {
        const char *name, *text;
        int32_t *value;
    } sizes[] = {{"block_h", block_h, &row->cut.block_h},
                 {"block_w", block_w, &row->cut.block_w},
                 {"units", units, &row->cut.units}};
    for (const auto &size : sizes) {
        if (!read_size(size.text, size.value)) {
            complaint.append("column %s: '%s' is not a number of at least 0", size.name, size.text);
            return false;
        }
    }
    for (const char *decimal : {row->gflops, row->of_peak}) {
        if (!is_decimal(decimal)) {
            complaint.append("column %s: '%s' is not a decimal", decimal == row->gflops ? "gflops" : "of_peak", decimal);
            return false;
        }
    }
    tconv_spec spec;
    tconv_spec_init(&spec, sizeof spec);
    char why[256];
    if (tconv_spec_parse(row->layer, &spec, why, sizeof why) != TCONV_OK) {
        complaint.append("column layer: %s", why);
        return false;
    }
    if (const ClassText text = class_text(spec); std::strcmp(text.text, row->layer) != 0) {
        complaint.append("column layer: '%s' is not how its class is spelt: %s", row->layer, text.text);
        return false;
    }
    return true;
}

double class_distance(const tconv_spec &a, const tconv_spec &b) {
    const bool same = a.kernel_h == b.kernel_h && a.kernel_w == b.kernel_w && a.stride_h == b.stride_h &&
                      a.stride_w == b.stride_w && a.dilation_h == b.dilation_h && a.dilation_w == b.dilation_w &&
                      groups_of(a) == groups_of(b) && a.layout == b.layout && a.dtype == b.dtype &&
                      a.activation == b.activation && a.softmax_axis == b.softmax_axis && a.residual == b.residual;
    if (!same)
        return std::numeric_limits<double>::infinity();
    auto per_group = [](int32_t channels, const tconv_spec &of) { return static_cast<double>(channels) / of.groups; };
    return ratio(per_group(a.in_channels, a), per_group(b.in_channels, b)) *
           ratio(per_group(a.out_channels, a), per_group(b.out_channels, b)) * ratio(a.groups, b.groups) *
           ratio(static_cast<double>(a.in_h) * a.in_w, static_cast<double>(b.in_h) * b.in_w);
}

}  // namespace tconv
