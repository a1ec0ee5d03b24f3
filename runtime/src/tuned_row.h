// A row of a tuned table: what was the fastest for one class of layers on one kind of processor.
//
// Tables are CSV files, one for each instruction set and element type (schedules/tuned/avx512-f32.csv). Their key is the
// layer's class and the microarchitecture; docs/tuning.md describes the columns.
#pragma once

#include "blocking.h"
#include "message.h"
#include "tconv/tconv.h"

namespace tconv {

constexpr const char *kTunedHeader =
    "layer,microarchitecture,kernel,block_h,block_w,units,gflops,of_peak,cpu,version,date";

struct TunedRow {
    char layer[TCONV_LAYER_TEXT_BYTES];  // class_text
    char microarchitecture[32], kernel[88];
    Cut cut;
    char gflops[16], of_peak[16];  // decimals, by the nominal count; share of the measured FMA peak
    char cpu[64], version[16], date[16];
};

// What all layers with the same answer have in common: crop and output size, however they are spelt; one image; one
// activation for all that take as long.
tconv_spec class_of(const tconv_spec &spec);

struct ClassText {
    char text[TCONV_LAYER_TEXT_BYTES];
};
ClassText class_text(const tconv_spec &spec);

// A line without its end; false with a complaint for one that is malformed. That includes a layer that is not spelt as its
// class is, since no layer would ever find it.
bool parse_tuned_row(const char *line, TunedRow *row, Message &complaint);

// How far apart two classes are: the product of the ratios, each at least 1, of their channels, groups and pixels, which is
// the sum of the differences in log space; 1 if there is none, infinity unless kernel, stride, dilation, kind of groups,
// layout and epilogue are the same.
double class_distance(const tconv_spec &a, const tconv_spec &b);

}  // namespace tconv
