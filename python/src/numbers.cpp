#include "numbers.h"

#include <nanobind/stl/string.h>

#include <limits>
#include <string>
#include <vector>

namespace nb = nanobind;

namespace tconv::python {

namespace {

std::string text_of(const char *field, nb::handle value, const char *wanted) {
    return std::string(field) + " = " + nb::cast<std::string>(nb::repr(value)) + "; it must be " + wanted;
}

bool is_number(nb::handle value) {
    return PyIndex_Check(value.ptr()) && !PyBool_Check(value.ptr());
}

std::vector<int32_t> sequence_of(const char *field, nb::handle value, const char *wanted) {
    if (!PySequence_Check(value.ptr()) || PyUnicode_Check(value.ptr()) || PyBytes_Check(value.ptr()))
        throw nb::type_error(text_of(field, value, wanted).c_str());
    std::vector<int32_t> numbers;
    for (nb::handle item : nb::borrow<nb::sequence>(value))
        numbers.push_back(int32_of(field, item));
    return numbers;
}

template<typename Integer>
Integer integer_of(const char *field, nb::handle value) {
    if (!is_number(value))
        throw nb::type_error(text_of(field, value, "an integer").c_str());
    const nb::object index = nb::steal(PyNumber_Index(value.ptr()));
    if (!index.is_valid())
        throw nb::python_error();
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
    using Limits = std::numeric_limits<Integer>;
    if (overflow != 0 || number < Limits::min() || number > Limits::max()) {
        const std::string range = "between " + std::to_string(Limits::min()) + " and " + std::to_string(Limits::max());
        throw nb::value_error(text_of(field, value, range.c_str()).c_str());
    }
    return static_cast<Integer>(number);
}

}  // namespace

int32_t int32_of(const char *field, nb::handle value) {
    return integer_of<int32_t>(field, value);
}

int64_t int64_of(const char *field, nb::handle value) {
    return integer_of<int64_t>(field, value);
}

bool bool_of(const char *field, nb::handle value) {
    const std::string type = Py_TYPE(value.ptr())->tp_name;
    if (!PyBool_Check(value.ptr()) && type != "numpy.bool" && type != "numpy.bool_")
        throw nb::type_error(text_of(field, value, "True or False").c_str());
    return nb::cast<bool>(nb::bool_(value));
}

float float_of(const char *field, nb::handle value) {
    if (!PyNumber_Check(value.ptr()) || PyComplex_Check(value.ptr()))
        throw nb::type_error(text_of(field, value, "a number").c_str());
    const double number = PyFloat_AsDouble(value.ptr());
    if (PyErr_Occurred() != nullptr)
        throw nb::python_error();
    return static_cast<float>(number);
}

std::array<int32_t, 2> pair_of(const char *field, nb::handle value) {
    if (is_number(value)) {
        const int32_t both = int32_of(field, value);
        return {both, both};
    }
    constexpr const char *kWanted = "one integer or two (height, width)";
    const std::vector<int32_t> numbers = sequence_of(field, value, kWanted);
    if (numbers.size() == 1)
        return {numbers[0], numbers[0]};
    if (numbers.size() != 2)
        throw nb::value_error(text_of(field, value, kWanted).c_str());
    return {numbers[0], numbers[1]};
}

std::array<int32_t, 4> pads_of(const char *field, nb::handle value) {
    if (is_number(value)) {
        const int32_t all = int32_of(field, value);
        return {all, all, all, all};
    }
    constexpr const char *kWanted = "one integer, two (height, width) or four (top, left, bottom, right)";
    const std::vector<int32_t> numbers = sequence_of(field, value, kWanted);
    if (numbers.size() == 2)
        return {numbers[0], numbers[1], numbers[0], numbers[1]};
    if (numbers.size() != 4)
        throw nb::value_error(text_of(field, value, kWanted).c_str());
    return {numbers[0], numbers[1], numbers[2], numbers[3]};
}

}  // namespace tconv::python
