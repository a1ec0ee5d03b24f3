// Transpositions in registers: whole vectors, nothing but loads, shuffles and stores.
#include "schedule.h"

namespace tconv::schedules {

using namespace Halide;

void cpu_transpose(generators::Transpose &transpose, const Func &consumer, const Var &loop) {
    const int edge = transpose.edge;
    Func square = transpose.square;
    Var lane = square.args()[0], vector = square.args()[1];
    square.compute_at(consumer, loop)
        .store_in(MemoryType::Register)
        .bound_extent(lane, edge)
        .bound_extent(vector, edge)
        .vectorize(lane)
        .unroll(vector);
    for (Func shuffle : transpose.shuffles) {
        shuffle.compute_at(consumer, loop)
            .store_in(MemoryType::Register)
            .bound_extent(transpose.i, 2 * edge)
            .bound_extent(transpose.j, edge / 2)
            .vectorize(transpose.i)
            .unroll(transpose.j);
    }
}

}  // namespace tconv::schedules
