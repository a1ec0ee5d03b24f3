# Only a door: each command installs what is missing, then CMake with presets does the work.
# Builds go to build/<preset>; nothing is written outside this folder but the system packages.

export PATH := $(CURDIR)/.venv/bin:$(PATH)
MAKEFLAGS += --no-print-directory

.PHONY: help demo build test test-full test-sanitize test-cross test-mutants test-cuda bench tune peers report gpu-check \
    gpu-bench lint

help:
	@echo 'make demo           run the main example on real input'
	@echo 'make build          the library and the tconv command, in build/release; no tests'
	@echo 'make test           build, then every test but the long ones; what CI runs'
	@echo 'make test-full      also all 90 layers and the long random runs'
	@echo 'make test-sanitize  the tests under the address, undefined-behaviour and thread sanitizers'
	@echo 'make test-cross     the tests built for 64-bit ARM, run under qemu'
	@echo 'make test-mutants   plant mistakes in a copy of the sources, each of which the tests must notice'
	@echo 'make test-cuda      of make test only what is about the CUDA library; needs no GPU'
	@echo 'make bench          time the layers of bench/shapes on this machine'
	@echo 'make tune           measure the fastest kernels for bench/shapes on this machine, into schedules/tuned'
	@echo 'make peers          time these layers beside PyTorch, oneDNN, ONNX Runtime and others; PEERS="--tier core" and so on'
	@echo 'make report         a page and pictures about the races recorded in bench/results'
	@echo 'make gpu-check      the tests on an NVIDIA GPU: every class of shape, gradients, streams, graphs'
	@echo 'make gpu-bench      times on an NVIDIA GPU beside cuDNN through PyTorch; GPU_BENCH="--tier core" and so on'
	@echo 'make lint           the rules of CONTRIBUTING.md that a script can check (also part of test)'
	@echo
	@echo 'Each is enough by itself on Debian 12 or Ubuntu 24.04: as root it installs the packages it misses, else it'
	@echo 'prints the apt-get line. By hand: scripts/bootstrap.sh test && .venv/bin/cmake --workflow --preset release'

demo:
	@scripts/bootstrap.sh demo
	@cmake --preset release -DTCONV_BUILD_TESTS=OFF
	@cmake --build --preset release --target demo

build:
	@scripts/bootstrap.sh
	@cmake --preset release -DTCONV_BUILD_TESTS=OFF
	@cmake --build --preset release

test:
	@scripts/bootstrap.sh demo test python report cuda
	@cmake --preset release -DTCONV_BUILD_PYTHON=ON -DTCONV_BUILD_CUDA=ON
	@cmake --build --preset release
	@ctest --preset release

test-full:
	@scripts/bootstrap.sh demo test python report cuda
	@cmake --preset release -DTCONV_BUILD_PYTHON=ON -DTCONV_BUILD_CUDA=ON
	@cmake --build --preset release
	@ctest --preset full

bench:
	@scripts/bootstrap.sh
	@cmake --preset release -DTCONV_BUILD_TESTS=OFF
	@cmake --build --preset release --target tconv-cli
	@build/release/bin/tconv bench --layers bench/shapes/layers.csv

tune:
	@scripts/bootstrap.sh
	@cmake --preset release -DTCONV_BUILD_TESTS=OFF
	@cmake --build --preset release --target tconv-cli
	@scripts/tune_suite.sh

peers:
	@scripts/bootstrap.sh peers
	@cmake --preset release -DTCONV_BUILD_TESTS=OFF -DTCONV_BUILD_PEERS=ON
	@cmake --build --preset release --target peers
	@.venv-peers/bin/python bench/peers/race.py $(PEERS)

report:
	@scripts/bootstrap.sh report
	@.venv/bin/python bench/report/report.py

# Sanitized and cross builds take tconv-compiler from the release build: it is a tool of this machine.
test-sanitize:
	@scripts/bootstrap.sh demo test
	@cmake --preset release -DTCONV_BUILD_TESTS=OFF
	@cmake --build --preset release --target tconv-compiler
	@set -e; for preset in asan ubsan tsan; do \
	    cmake --preset $$preset; cmake --build --preset $$preset; ctest --preset $$preset; done

test-cross:
	@scripts/bootstrap.sh cross
	@cmake --preset release -DTCONV_BUILD_TESTS=OFF
	@cmake --build --preset release --target tconv-compiler
	@cmake --preset arm64
	@cmake --build --preset arm64
	@ctest --preset arm64

test-mutants:
	@scripts/bootstrap.sh test
	@scripts/mutate.py

test-cuda:
	@scripts/bootstrap.sh demo test cuda
	@cmake --preset release -DTCONV_BUILD_CUDA=ON
	@cmake --build --preset release
	@ctest --preset release -L cuda

# Nothing is built on a machine whose driver is not there.
gpu-check:
	@if ! ldconfig -p | grep -q 'libcuda\.so\.1'; then \
	    echo '[SKIP] gpu-check needs an NVIDIA GPU of compute capability 8.0 or later and its driver (libcuda.so.1)'; exit; fi; \
	set -e; scripts/bootstrap.sh demo test cuda; cmake --preset release -DTCONV_BUILD_CUDA=ON; \
	cmake --build --preset release --target cuda.gpu; build/release/bin/cuda.gpu

gpu-bench:
	@if ! ldconfig -p | grep -q 'libcuda\.so\.1'; then \
	    echo '[SKIP] gpu-bench needs an NVIDIA GPU of compute capability 8.0 or later and its driver (libcuda.so.1)'; exit; fi; \
	set -e; scripts/bootstrap.sh python report cuda; \
	cmake --preset release -DTCONV_BUILD_CUDA=ON -DTCONV_BUILD_PYTHON=ON -DTCONV_BUILD_TESTS=OFF; \
	cmake --build --preset release --target tconv-python; \
	PYTHONPATH=build/release/python .venv/bin/python bench/gpu/bench.py $(GPU_BENCH)

lint:
	@scripts/bootstrap.sh test
	@scripts/lint.sh
