/* Part of TSan builds only. The kernels are instrumented by the LLVM inside Halide, which calls these three; libtsan of
 * GCC 12 does not have them yet. It does intercept the plain functions, so that a race in a fill or a copy is still
 * seen. This file is not instrumented itself: a compiler that knows the three would make each call itself. */
#include <string.h>

void *__tsan_memset(void *to, int byte, size_t count);
void *__tsan_memcpy(void *to, const void *from, size_t count);
void *__tsan_memmove(void *to, const void *from, size_t count);

void *__tsan_memset(void *to, int byte, size_t count) { return memset(to, byte, count); }
void *__tsan_memcpy(void *to, const void *from, size_t count) { return memcpy(to, from, count); }
void *__tsan_memmove(void *to, const void *from, size_t count) { return memmove(to, from, count); }
