#!/usr/bin/env python3
"""Plants mistakes in a copy of the sources, one after the other, and expects the tests to fail for each.

usage: scripts/mutate.py [--check] [--short] [--only NAME,...] [--build FOLDER] [CMAKE OPTION]...

A table of what noticed which mistake is printed; the exit status is 1 if a mistake went unnoticed, or if one could not
be planted or built, for then it proves nothing. Mistakes in what only another processor runs are named with [SKIP].
--check only looks whether all can still be planted. The copy, with its build, goes to a temporary folder, or is kept in
--build for the next time.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mutants import MUTANTS, SHORT

SOURCE = Path(__file__).resolve().parent.parent
# Enough layers for the tests to ask that each kernel be run often enough.
LAYERS = "600"
# Seconds. Device kernels took over 1800 s to build on two busy cores; tests have limits of their own, which ctest keeps.
TIMEOUT = 3 * 3600


class Unbuildable(Exception):
    pass


def source_files():
    listed = subprocess.run(["git", "-C", SOURCE, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
                            capture_output=True, text=True)
    if listed.returncode == 0:
        return [Path(name) for name in listed.stdout.split("\0") if name and (SOURCE / name).is_file()]
    skipped = {"build", ".venv", ".git"}
    return [path.relative_to(SOURCE) for path in SOURCE.rglob("*")
            if path.is_file() and not skipped.intersection(path.relative_to(SOURCE).parts)]


def copy_sources(copy):
    """Files that are as they should be keep their times, so that a kept build rebuilds what changed and no more."""
    for file in source_files():
        target = copy / file
        content = (SOURCE / file).read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            shutil.copymode(SOURCE / file, target)
    # Below the source folder, so that the compiler cache takes its files for those of the original.
    environment = copy / ".venv"
    if (SOURCE / ".venv").exists() and not environment.exists():
        environment.symlink_to(SOURCE / ".venv")


def check(mutants):
    """Says which mutants no longer fit the source."""
    good = True
    for mutant in mutants:
        path = SOURCE / mutant.file
        count = path.read_text().count(mutant.before) if path.is_file() else 0
        if count != 1:
            print(f"{mutant.name}: its text occurs {count} times in {mutant.file}: update scripts/mutants.py")
            good = False
    if len({mutant.name for mutant in MUTANTS}) != len(MUTANTS):
        print("two mutants have one name")
        good = False
    return good


def runs_here(kind):
    """Whether this processor has the instruction set of a kind of mutants."""
    try:
        return kind != "avx512" or "avx512vl" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


class Build:
    def __init__(self, copy, options, kind):
        self.copy = copy
        # One as in the preset, for the compiler cache, and others beside it.
        self.folder = copy / "build" / ("release" if kind == "baseline" else kind)
        isa = "baseline" if kind == "devices" else kind
        devices = ["-DTCONV_BUILD_CUDA=ON", "-DTCONV_CUDA_ARCHS=90"] if kind == "devices" else []
        self.options = [f"-DTCONV_ISAS={isa}", *devices, *options]

    def call(self, *command, environment=None):
        """The exit status and what was printed. What takes too long ends with all it started, and proves nothing."""
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, env={**os.environ, **(environment or {})}, start_new_session=True)
        try:
            printed, _ = process.communicate(timeout=TIMEOUT)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise Unbuildable(str(error)) from error
            raise
        return process.returncode, printed

    def must(self, *command):
        status, printed = self.call(*command)
        if status != 0:
            raise Unbuildable(printed[-4000:])

    def configure(self):
        self.must("cmake", "-S", self.copy, "-B", self.folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                  "-DTCONV_DTYPES=f32", "-DTCONV_BUILD_TOOLS=OFF", "-DTCONV_BUILD_EXAMPLES=OFF",
                  "-DTCONV_BUILD_SHARED=OFF", *self.options)

    def build(self, tests):
        self.must("cmake", "--build", self.folder, "--target", *sorted(tests))

    def failing(self, tests):
        """The first of the tests that fails, with how; None if all pass."""
        for test in tests:
            environment = {"TCONV_LAYERS": LAYERS, "GTEST_FAIL_FAST": "1", "GTEST_BRIEF": "1"}
            status, printed = self.call("ctest", "--test-dir", self.folder, "-R", f"^{re.escape(test)}$",
                                        "--no-tests=error", "--output-on-failure", environment=environment)
            if status != 0:
                how = re.search(r"\*\*\*\s*(Timeout|Exception: \w+|Failed|Not Run)|SEGFAULT|SIGSEGV", printed)
                if how is None or "Not Run" in how.group(0):
                    raise Unbuildable(printed[-4000:])
                return test, how.group(0).strip("* ").lower(), printed
        return None


def try_mutant(build, mutant):
    """Plants, builds, tests and takes back. Returns the row of the table and whether the tests noticed."""
    path = build.copy / mutant.file
    original = path.read_text()
    start = time.monotonic()
    tests = mutant.tests.split()
    try:
        path.write_text(original.replace(mutant.before, mutant.after))
        build.build(tests)
        failure = build.failing(tests)
        if failure is None:
            result, noticed = "NOT NOTICED by " + " ".join(tests), False
        else:
            result, noticed = f"{failure[0]}: {failure[1]}", True
    except Unbuildable as error:
        result, noticed = f"NOT BUILT\n{error}", False
    finally:
        path.write_text(original)
    return f"{mutant.name:32} {time.monotonic() - start:5.0f} s  {result}", noticed


def run(mutants, copy, options):
    """Each kind in a build of its own, if there are any."""
    copy_sources(copy)
    good = True
    for kind in dict.fromkeys(mutant.kind for mutant in mutants):
        of_kind = [mutant for mutant in mutants if mutant.kind == kind]
        if runs_here(kind):
            good = run_in(Build(copy, options, kind), of_kind) and good
        else:
            print(*(f"[SKIP] {mutant.name}: this processor has no {kind}" for mutant in of_kind), sep="\n")
    return good


def run_in(build, mutants):
    tests = sorted({test for mutant in mutants for test in mutant.tests.split()})
    start = time.monotonic()
    build.configure()
    build.build(tests)
    failure = build.failing(tests)
    if failure is not None:
        print(f"{failure[0]} fails without any mutant:\n{failure[2][-4000:]}")
        return False
    print(f"{'no mutant':32} {time.monotonic() - start:5.0f} s  passes {' '.join(tests)}", flush=True)
    unnoticed = []
    for mutant in mutants:
        row, noticed = try_mutant(build, mutant)
        print(row, flush=True)
        if not noticed:
            unnoticed.append(mutant.name)
    print(f"{len(mutants) - len(unnoticed)} of {len(mutants)} mutants noticed"
          + (f"; not: {', '.join(unnoticed)}" if unnoticed else ""))
    return not unnoticed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="only look whether all mutants fit the sources")
    parser.add_argument("--short", action="store_true", help="three mutants")
    parser.add_argument("--only", default="", help="names of mutants, separated by commas")
    parser.add_argument("--build", type=Path, help="keep the copy and its build here")
    arguments, options = parser.parse_known_args()
    if not check(MUTANTS):
        return 1
    if arguments.check:
        print(f"{len(MUTANTS)} mutants fit the sources")
        return 0
    names = SHORT if arguments.short else tuple(filter(None, arguments.only.split(",")))
    unknown = set(names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        parser.error(f"no mutant is called {', '.join(sorted(unknown))}")
    mutants = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    if arguments.build:
        return 0 if run(mutants, arguments.build.resolve(), options) else 1
    with tempfile.TemporaryDirectory(prefix="tconv-mutate-") as folder:
        return 0 if run(mutants, Path(folder), options) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unbuildable as error:
        sys.exit(f"mutate: without any mutant:\n{error}")
