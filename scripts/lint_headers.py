"""Each header compiles on its own, the public ones also as C99, or as C++17 if they are for C++. Reads file names from
standard input.

The compiles go through ccache where there is one: most of their time is Halide.h, over and over.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys
from pathlib import Path

# In this order: runtime/src and generators/ both have a pack.h, and the compiler means the latter.
ROOMS = [".", "runtime/include", "generators", "schedules", "compiler", "compiler/layer", "compiler/compile",
         "compiler/tconv", "compiler/device", "runtime/src", "runtime/cuda", "compiler/storage", "tests/support", "tests/reference", "tests/cuda"]
LANGUAGES = {".cpp": ["-std=c++20"], ".17.cpp": ["-std=c++17", "-pedantic"], ".c": ["-std=c99", "-pedantic"]}
SCRATCH = Path("build/lint")


def halide_folder():
    project = Path(__file__).resolve().parent.parent
    wheels = sorted(project.glob(".venv/lib/python3*/site-packages/halide/include"))
    named = os.environ.get("HALIDE_INCLUDE", "")
    return named if Path(named, "Halide.h").is_file() else str(wheels[0]) if wheels else None


def python_includes():
    """What python/src includes beside our own: Python and nanobind of .venv. None: this .venv has no nanobind."""
    python = Path(__file__).resolve().parent.parent / ".venv/bin/python"
    code = "import nanobind, sysconfig; print(nanobind.include_dir()); print(sysconfig.get_paths()['include'])"
    try:
        run = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return [word for folder in run.stdout.split() for word in ("-isystem", folder)] + [
        "-fvisibility=hidden", "-I.", "-Ipython/src", "-Iruntime/include"]


def complaint(header, language, includes):
    source = SCRATCH / (header.replace("/", "-") + language)
    source.write_text(f'#include "{header}"\n', encoding="utf-8")
    command = [os.environ.get("CXX", "g++"), "-c", "-Wall", "-Wextra", "-Werror", *LANGUAGES[language], *includes,
               "-x", "c" if language == ".c" else "c++", str(source), "-o", f"{source}.o"]
    if shutil.which("ccache"):
        command.insert(0, "ccache")
    environment = {**os.environ, "CCACHE_BASEDIR": os.getcwd(), "CCACHE_NOHASHDIR": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    errors = [line for line in run.stderr.splitlines() if "error" in line] + [run.stderr]
    return f"{header}:1: does not compile on its own: {errors[0]}" if run.returncode else None


def main():
    headers = [name for name in sys.stdin.read().splitlines() if name.endswith((".h", ".hpp"))]
    halide = halide_folder()
    if not halide and any("Halide.h" in Path(name).read_text(encoding="utf-8") for name in headers):
        print("[SKIP] no .venv and no HALIDE_INCLUDE: headers are not compiled on their own")
        return False
    bindings = [name for name in headers if name.startswith("python/")]
    nanobind = python_includes() if bindings else None
    if bindings and nanobind is None:
        print("[SKIP] no nanobind in .venv: the headers of python/src are not compiled on their own")
        headers = [name for name in headers if name not in bindings]
    includes = [f"-I{room}" for room in ROOMS] + (["-isystem", halide] if halide else [])
    jobs = [(header, ".cpp") for header in headers]
    public = [header for header in headers if header.startswith("runtime/include/")]
    jobs += [(header, ".17.cpp" if header.endswith(".hpp") else ".c") for header in public]
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = [text for text in pool.map(
            lambda job: complaint(*job, nanobind if job[0] in bindings else includes), jobs) if text]
    print("\n".join(complaints), end="\n" if complaints else "")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
