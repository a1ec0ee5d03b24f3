// The words of the layer text, for every place that names a type, a layout or an activation.
#pragma once

#include <cstdint>

namespace tconv {

// NULL for a value that is not in the enum.
const char *dtype_name(int32_t dtype);
const char *math_name(int32_t math);  // "fast" too, which the text leaves out
const char *layout_name(int32_t layout);
const char *activation_name(int32_t activation);  // without parameters: "leaky_relu"

// Writes the shortest decimal that reads back as the same float, with '.' in every locale.
constexpr int kFloatText = 24;
void format_float(float value, char (&text)[kFloatText]);

}  // namespace tconv
