#!/usr/bin/env bash
# The lint must let a clean tree pass and must refuse each violation planted in it, for the reason given.
# usage: seeded.sh LINT
set -euo pipefail
lint=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0

clean_tree() { # a project of a few files, as the rules want it
    rm -rf "${folder:?}/tree"
    mkdir -p "$folder"/tree/{generators,schedules,runtime/src,runtime/include/tconv,tests/reference,scripts}
    cd "$folder/tree"
    cat >generators/blur.cpp <<'CPP'
// y is the sum of three; a comment may say .vectorize(x) and a string "f.unroll(x)".
Blur::Blur() : input(Float(32), 1, "input"), y("f.unroll(x)") {
    RDom taps(0, 3);
    taps.where(taps.x >= 0);
    y(x) = 0.0f;
    y(x) += input(x + taps) * 2.0f;
    Expr sum = sum.defined() ? sum : Expr(0);
}
CPP
    cat >schedules/cpu_blur.cpp <<'CPP'
void cpu_blur(Blur &blur, int vector) {
    Var x = blur.x, block("block");
    Func copy = blur.y.in();
    RVar tap = blur.taps.x;
    for (int i = 0; i <= 3; ++i)
        blur.y.update(i).specialize(blur.input.dim(0).stride() == 1).reorder(tap, x).unroll(tap);
    copy.split(x, block, x, vector, TailStrategy::GuardWithIf).vectorize(x);
    blur.y.output_buffer().dim(0).set_min(0).set_stride(1);
}
CPP
    echo 'namespace tconv {}' >runtime/src/plan.cpp
    printf '#pragma once\n#include <stdint.h>\nint32_t f(void);\n' >runtime/include/tconv/tconv.h
    echo 'int oracle() { return 0; }' >tests/reference/oracle.cpp
    printf '#!/bin/sh\necho "$1"\n' >scripts/run.sh
}

report() { # NAME OK DETAIL
    if [ "$2" = yes ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s\n%s\n' "$1" "$3"
    fi
}

refused() { # FILE REASON TEXT...: the clean tree with these lines added to FILE
    local file=$1 reason=$2 output
    shift 2
    clean_tree
    mkdir -p "$(dirname "$file")"
    printf '%s\n' "$@" >>"$file"
    if output=$("$lint" "$folder/tree" 2>&1); then
        report "$file: $*" no "the lint passed"
    elif grep -qE "^$file:[0-9]+: .*$reason" <<<"$output"; then
        report "$file: $*" yes ""
    else
        report "$file: $*" no "expected '$reason', got: $output"
    fi
}

clean_tree
if output=$("$lint" "$folder/tree" 2>&1); then report clean yes ""; else report clean no "$output"; fi

# Every family of directives, and every spelling of a call.
for call in 'y.vectorize(x, 8);' 'y.unroll(x);' 'y.parallel(x);' 'y.split(x, a, b, 4);' 'y.tile(x, z, a, b, 4, 4);' \
    'y.reorder(x, z);' 'y.compute_at(z, x);' 'y.compute_root();' 'y.store_in(m);' 'y.gpu_tile(x, a, b, 8);' \
    'y.gpu_blocks(x);' 'y.specialize(x == 1);' 'y.update(0);' 'y.in();' 'pointer->vectorize(x);' 'y .vectorize (x);' \
    $'y\n    .atomic()' 'y.directive_of_a_later_halide(x);' 'apply<&Func::unroll>(y);' 'auto t = TailStrategy::Auto;'; do
    refused generators/blur.cpp 'build definitions only' "$call"
done
refused generators/blur.h 'build definitions only' '#pragma once' 'inline void f(T &y) { y.unroll(); }'

for text in 'RDom r(0, 3);' 'y(x) = 1;' 'f.y(x, z) = g(x, h(z));' 'y(x) += 1;' 'y(x) *= 2;' 'Func extra("extra");' \
    'Func extra;' 'copy = Func();' 'ImageParam more(Float(32), 1, "more");' 'Expr e = select(a, b, c);' \
    'Expr e = cast<float>(a);' 'Expr e = sum(a);' 'y.realize({8});' 'y.function();'; do
    refused schedules/cpu_blur.cpp 'call directives only' "$text"
done

refused runtime/src/plan.cpp 'without Halide' '#include <HalideRuntime.h>'
refused runtime/cuda/driver.cpp 'without Halide' '#include "Halide.h"'
refused tests/reference/oracle.cpp 'without Halide' '#include "Halide.h"'

refused runtime/src/plan.cpp 'belongs in an issue' "// TO""DO: later"
refused runtime/src/plan.cpp 'belongs in an issue' "// FIX""ME"
refused scripts/run.sh 'belongs in an issue' "# XX""X"
refused runtime/src/plan.cpp 'switched off' '#if 0' '#endif'
refused runtime/src/plan.cpp 'a condition that is none' "void f() { if "'(1) return; }'
refused notes.md 'a path of one machine' "see /wo""rk/main"
refused runtime/src/plan.cpp 'at most 400' "$(yes '//' | head -n 400)"
refused runtime/include/tconv/tconv.h 'at most 299' "$(yes '//' | head -n 299)"
refused runtime/include/tconv/tconv.hpp 'at most 299' "$(yes '//' | head -n 300)"
refused tests/reference/oracle.cpp 'at most 120' "$(yes '//' | head -n 120)"
for name in runtime/src/utils.cpp common/plan.cpp runtime/src/plan_helpers.h generators/blur_old.cpp; do
    refused "$name" 'says nothing' '// text'
done
refused runtime/src/plan2.cpp 'second version' '// text'
refused runtime/src/plan.h 'does not compile on its own' '#pragma once' 'std::size_t f();'
refused runtime/include/tconv/tconv.h 'does not compile on its own' 'inline bool f() { return true; }'
refused runtime/include/tconv/tconv.hpp 'does not compile on its own' '#include <span>' 'void f(std::span<int> x);'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
