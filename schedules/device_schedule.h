// How the stages of a layer are computed on a device with thousands of threads: CUDA's, or for tests OpenCL's.
#pragma once

#include "dense_phases.h"
#include "device_correlate.h"
#include "device_finish.h"
#include "schedule.h"

namespace tconv::schedules {

struct DeviceTile {
    int warps;        // of a block of threads
    bool contiguous;  // channels are contiguous in input, output and residual, in aligned vectors of four
    int alignment;    // of those vectors, in bytes
};

// A view of any strides whose indices begin at 0.
template<typename View>
void from_zero(View view) {
    any_stride(view);
    for (int i = 0; i < view.dimensions(); i++)
        view.dim(i).set_min(0);
}

void cuda_dense_phases(generators::DensePhases &dense, const DeviceTile &tile);
void cuda_phase_table(generators::PhaseTable &table);
void cuda_pack(generators::DeviceFilter &from, Halide::Func packed, int width);  // of its first axis
void cuda_activate(generators::ActivateAll &activate);
void cuda_softmax(generators::SoftmaxAll &softmax);
void cuda_correlate(generators::DeviceCorrelate &correlate);
void cuda_bias_sums(generators::DeviceBiasSums &bias);
void cuda_total(generators::DeviceTotal &total);

}  // namespace tconv::schedules
