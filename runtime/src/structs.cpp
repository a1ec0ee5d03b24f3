#include "structs.h"

#include "geometry.h"

tconv_requirements tconv::requirements_of(const tconv_spec &spec, size_t alignment) {
    const Work work = work_of(spec);
    tconv_requirements filled = {};
    filled.input_bytes = static_cast<size_t>(work.input_bytes);
    filled.filter_bytes = static_cast<size_t>(work.filter_bytes);
    filled.bias_bytes = static_cast<size_t>(work.bias_bytes);
    filled.output_bytes = static_cast<size_t>(work.output_bytes);
    filled.alignment = alignment;
    return filled;
}

void tconv_spec_init(tconv_spec *spec, size_t struct_size) {
    tconv_spec defaults = {};
    defaults.dtype = TCONV_F32;
    defaults.layout = TCONV_NCHW;
    defaults.has_bias = 1;
    defaults.batch = 1;
    defaults.stride_h = defaults.stride_w = 1;
    defaults.dilation_h = defaults.dilation_w = 1;
    defaults.groups = 1;
    defaults.max_packed_bytes = -1;
    tconv::fill_struct(spec, defaults, struct_size);
}

void tconv_hooks_init(tconv_hooks *hooks, size_t struct_size) {
    tconv_hooks defaults = {};
    defaults.concurrency = 1;
    tconv::fill_struct(hooks, defaults, struct_size);
}

void tconv_requirements_init(tconv_requirements *requirements, size_t struct_size) {
    tconv::fill_struct(requirements, tconv_requirements{}, struct_size);
}

void tconv_tensors_init(tconv_tensors *tensors, size_t struct_size) {
    tconv::fill_struct(tensors, tconv_tensors{}, struct_size);
}
