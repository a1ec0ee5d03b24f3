#!/usr/bin/env bash
# Builds and runs layer.c with what pkg-config says: against libtconv.so, and wholly static.
# usage: pkg_config.sh COMPILER PREFIX LIBDIR SCRATCH
set -euo pipefail
compiler=$1 prefix=$2 libdir=$3 scratch=$4
source=$(dirname "$0")/layer.c
mkdir -p "$scratch"
export PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig

case $(pkg-config --cflags tconv) in
    *"$prefix"*) ;;
    *) echo "pkg-config does not find the package where it now lies: $(pkg-config --cflags tconv)"; exit 1 ;;
esac
# shellcheck disable=SC2046  # the flags are meant to split
"$compiler" -std=c99 "$source" $(pkg-config --cflags --libs tconv) -o "$scratch/shared"
LD_LIBRARY_PATH=$prefix/$libdir "$scratch/shared"
# shellcheck disable=SC2046
"$compiler" -std=c99 -static "$source" $(pkg-config --static --cflags --libs tconv) -o "$scratch/static"
"$scratch/static"
