#!/usr/bin/env bash
# The ABI of libtconv: the headers, runtime/abi/symbols.txt and what the libraries export are one list, and the
# libraries ask nothing of a C++ or a Halide runtime.
# usage: symbols.sh NM HEADERS SYMBOLS STATIC [SHARED]      HEADERS: the folder of libtconv's public C headers (all but those of
#                                                           libtconv_cuda, a library of its own), or a pattern of such
set -euo pipefail
nm=$1 headers=$2 symbols=$3 static=$4 shared=${5:-}
wrong=0

same() { # WHAT LIST: compares with symbols.txt
    if ! diff "$symbols" <(echo "$2"); then
        echo "$1 differs from $symbols (< listed, > found)"
        wrong=1
    fi
}

none() { # WHAT LIST
    if [ -n "$2" ]; then
        echo "$1:" "$2"
        wrong=1
    fi
}

foreign='^(_Z|__cxa_|__gxx|_Unwind|halide_)'
own='^__cxa_(finalize|atexit)$' # these two are libc's

if [ -d "$headers" ]; then
    mapfile -t files < <(find "$headers" -name '*.h' ! -name 'tconv_cuda*.h')
else
    mapfile -t files < <(compgen -G "$headers")
fi
same "$headers" "$(cat "${files[@]}" | grep -A3 '^TCONV_API' | grep -oE '\btconv_[a-z0-9_]+\(' | tr -d '(' | LC_ALL=C sort -u)"
same "$static" "$("$nm" --defined-only --extern-only --format=posix "$static" | awk 'NF > 1 { print $1 }' | LC_ALL=C sort -u)"
none "$static needs more than a C library" \
    "$("$nm" --undefined-only --format=posix "$static" | awk 'NF > 1 { print $1 }' | grep -E "$foreign" | grep -vE "$own" || true)"
if [ -n "$shared" ]; then
    same "$shared" "$("$nm" -D --defined-only --format=posix "$shared" | awk '{ print $1 }' | LC_ALL=C sort -u)"
    none "$shared needs more than a C library" \
        "$("$nm" -D --undefined-only --format=posix "$shared" | awk '{ sub(/@.*/, "", $1); print $1 }' | grep -E "$foreign" | grep -vE "$own" || true)"
fi
exit $wrong
