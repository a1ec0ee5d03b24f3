# Debian's cross compiler for 64-bit ARM Linux; programs run under qemu's user mode.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

# g++ 12 for this target stops with an internal error in vect_transform_reduction at -O2 and above on some loops of
# fmax. Only our own glue and tests are compiled here, so nothing is lost by not vectorising them.
set(CMAKE_C_FLAGS_INIT -fno-tree-vectorize)
set(CMAKE_CXX_FLAGS_INIT -fno-tree-vectorize)

set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L /usr/aarch64-linux-gnu)

# Programs and header-only packages come from this machine, libraries from the target's folder only.
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
