// Another Halide program, with a complete runtime of its own: what our libraries must be able to live beside.
// usage: compile.other_halide FOLDER      writes FOLDER/other.a and FOLDER/other.h
#include <string>

#include "Halide.h"

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    // Parallel and with heap memory, so that the runtime's thread pool and allocator are linked in.
    Halide::ImageParam input(Halide::Float(32), 1, "input");
    Halide::Func doubled("doubled"), other("other");
    Halide::Var x("x"), block("block");
    doubled(x) = input(x) * 2.0f;
    other(x) = doubled(x) + doubled(x + 1);
    other.split(x, block, x, 64, Halide::TailStrategy::GuardWithIf).parallel(block);
    doubled.compute_at(other, block).store_in(Halide::MemoryType::Heap);
    other.compile_to_static_library(std::string(argv[1]) + "/other", {input}, "other", Halide::get_host_target());
    return 0;
}
