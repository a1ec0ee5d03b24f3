"""The wheel: built as pip builds it, installed into an empty environment, and run there without Halide.

The catalogue is the smallest there is and the compiler is that of this build tree: what is tested is the packing."""

import os
import pathlib
import subprocess
import sys
import sysconfig

import pytest

SOURCE = pathlib.Path(os.environ["TCONV_SOURCE"])
BUILD = pathlib.Path(os.environ["TCONV_BUILD"])
COMPILER = os.environ["TCONV_HOST_COMPILER"]

EXAMPLE = """
import importlib.util, numpy as np, tconv
assert importlib.util.find_spec("halide") is None
x, w = np.array([[[[1, 2], [3, 4]]]], np.float32), np.array([[[[1, 10], [100, 1000]]]], np.float32)
print(tconv.conv_transpose2d(x, w, np.array([0.5], np.float32), stride=2)[0, 0, 0].tolist(), tconv.__file__)
"""


def build_wheel(folder, build_dir, **settings):
    # In a folder of the build tree, so that only the first run compiles.
    settings = {"build-dir": BUILD / build_dir, "cmake.define.TCONV_HOST_COMPILER": COMPILER,
                "cmake.define.TCONV_ISAS": "baseline", "cmake.define.TCONV_FAMILIES": "gather",
                "cmake.define.TCONV_DTYPES": "f32", **settings}
    subprocess.run([sys.executable, "-m", "pip", "wheel", SOURCE, "--quiet", "--disable-pip-version-check", "--no-deps",
                    "--no-build-isolation", "--wheel-dir", folder,
                    # In full: Debian 12's pip, 23.0, has no -C.
                    *(f"--config-settings={name}={value}" for name, value in settings.items())],
                   env={**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}, check=True)
    built, = folder.glob("tconv-*.whl")
    return built


def make_environment(folder, wheel):
    """A virtual environment with the wheel, NumPy, and nothing else."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    packages = next(folder.glob("lib/python3*/site-packages"))
    for name in ("numpy", "numpy.libs"):  # not from an index: tests run without a network
        (packages / name).symlink_to(pathlib.Path(sysconfig.get_paths()["purelib"]) / name)
    subprocess.run([folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", wheel], check=True)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return make_environment(tmp_path_factory.mktemp("environment"), build_wheel(tmp_path_factory.mktemp("wheel"), "wheel"))


@pytest.fixture(scope="module")
def bare_environment(tmp_path_factory):
    """Of a wheel built where one of the command's libraries is not installed."""
    settings = {"cmake.define.CMAKE_DISABLE_FIND_PACKAGE_CLI11": "ON"}
    wheel = build_wheel(tmp_path_factory.mktemp("bare-wheel"), "bare-wheel", **settings)
    return make_environment(tmp_path_factory.mktemp("bare-environment"), wheel)


def run(environment, *command):
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "LD_LIBRARY_PATH")}
    inherited["PATH"] = f"{environment / 'bin'}:/usr/bin:/bin"
    return subprocess.run([str(word) for word in command], env=inherited, cwd=environment, capture_output=True, text=True)


@pytest.mark.parametrize("kind", ["environment", "bare_environment"])
def test_an_example_runs_without_halide(kind, request):
    environment = request.getfixturevalue(kind)
    done = run(environment, environment / "bin/python", "-c", EXAMPLE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[1.5, 10.5, 2.5, 20.5] ")
    assert str(environment) in done.stdout


def test_without_the_commands_libraries_there_is_no_command(bare_environment):
    package = next(bare_environment.glob("lib/python3*/site-packages/tconv"))
    assert not any((package / folder).exists() for folder in ("bin", "lib", "compiler"))
    done = run(bare_environment, bare_environment / "bin/tconv", "list")
    assert done.returncode == 1
    assert "CLI11" in done.stderr and "pip leaves the command out" in done.stderr


def test_the_command(environment):
    done = run(environment, environment / "bin/tconv", "list")
    assert done.returncode == 0, done.stderr
    assert "tconv_f32_gather" in done.stdout
    assert run(environment, environment / "bin/tconv", "frobnicate").returncode == 2


def test_the_command_compiles_only_with_halide(environment):
    layer = "n1_c1_h2_w2_o1_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"
    done = run(environment, environment / "bin/tconv", "compile", "--layer", layer, "--out", "out")
    assert done.returncode == 3
    assert "pip install '.[compiler]'" in done.stderr


def test_it_brings_its_libraries(environment):
    """What the command is linked with comes out of the wheel, or is part of every Linux."""
    package = next(environment.glob("lib/python3*/site-packages/tconv"))
    lines = run(environment, "ldd", package / "bin/tconv").stdout.splitlines()
    found = {line.split()[0]: line.split()[2] for line in lines if "=>" in line}
    own = {name for name, path in found.items() if str(package) in str(pathlib.Path(path).resolve())}
    assert own and all(name.startswith(("libc.", "libm.", "libgcc_s.", "libstdc++.")) for name in set(found) - own), found


def test_types_are_part_of_it(environment):
    package = next(environment.glob("lib/python3*/site-packages/tconv"))
    assert (package / "py.typed").exists() and (package / "_core.pyi").exists()
