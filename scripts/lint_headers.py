"""Each header compiles on its own, the public ones also as C99. Reads file names from standard input."""

import concurrent.futures
import os
import subprocess
import sys
from pathlib import Path

# In this order: runtime/src and generators/ both have a pack.h, and the compiler means the latter.
ROOMS = [".", "runtime/include", "generators", "schedules", "compiler", "compiler/layer", "runtime/src",
         "tests/support", "tests/reference"]
CXX = ["-x", "c++", "-std=c++20"]
C99 = ["-x", "c", "-std=c99", "-pedantic"]


def halide_folder():
    project = Path(__file__).resolve().parent.parent
    wheels = sorted(project.glob(".venv/lib/python3*/site-packages/halide/include"))
    named = os.environ.get("HALIDE_INCLUDE", "")
    return named if Path(named, "Halide.h").is_file() else str(wheels[0]) if wheels else None


def complaint(header, language, includes):
    command = [os.environ.get("CXX", "g++"), "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *includes, *language, "-"]
    run = subprocess.run(command, input=f'#include "{header}"\n', capture_output=True, text=True, check=False)
    errors = [line for line in run.stderr.splitlines() if "error" in line]
    return f"{header}:1: does not compile on its own: {errors[0]}" if run.returncode else None


def main():
    headers = [name for name in sys.stdin.read().splitlines() if name.endswith(".h")]
    halide = halide_folder()
    if not halide and any("Halide.h" in Path(name).read_text(encoding="utf-8") for name in headers):
        print("[SKIP] no .venv and no HALIDE_INCLUDE: headers are not compiled on their own")
        return False
    includes = [f"-I{room}" for room in ROOMS] + (["-isystem", halide] if halide else [])
    jobs = [(header, CXX) for header in headers]
    jobs += [(header, C99) for header in headers if header.startswith("runtime/include/")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = [text for text in pool.map(lambda job: complaint(*job, includes), jobs) if text]
    print("\n".join(complaints), end="\n" if complaints else "")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
