"""What is computed (generators/) and how (schedules/) stay apart, and neither leaks into the rest.

The rule is positive: the lists below hold what each folder may call, and whatever is in neither fails. So a directive
that a later Halide brings is refused in generators/ without anybody adding it here. Reads file names from standard
input.
"""

import re
import sys
from pathlib import Path

CONTAINERS = set("at back begin c_str clear count data emplace emplace_back empty end find front insert push_back "
                 "reserve resize size substr value".split())

# Member functions that build a definition, or ask what it is.
BUILDING = CONTAINERS | set("args channels points defined dim dimensions extent height left max min name output_types right "
                            "rvars stride type types where width with_bits with_code with_lanes x y z w".split())

# Member functions of Func, Stage and ImageParam that arrange loops and storage, or state where a buffer lies.
DIRECTIVES = CONTAINERS | set(
    "align_bounds align_extent align_storage allow_race_conditions always_partition async atomic bound bound_extent "
    "bound_storage compute_at compute_inline compute_root compute_with fold_storage fuse gpu gpu_blocks gpu_lanes "
    "gpu_single_thread gpu_threads gpu_tile hoist_storage hoist_storage_root memoize never_partition "
    "never_partition_all parallel partition prefetch rename reorder reorder_storage ring_buffer rfactor serial "
    "set_estimate set_estimates specialize specialize_fail split store_at store_in store_root tile unroll vectorize "
    # the parts of a Func, and the conditions of its buffers
    "args bytes defined dim dimensions extent in max min name num_update_definitions output_buffer output_buffers points rvars "
    "set_bounds set_extent set_host_alignment set_min set_stride stride type update".split())

MEMBER_CALL = re.compile(r"(?:\.|->)\s*(?:template\s+)?([A-Za-z_]\w*)\s*(?:<[^;(){}<>]*>\s*)?\(")
MEMBER_POINTER = re.compile(r"&\s*(?:Halide\s*::\s*)?(?:Func|Stage|FuncRef)\s*::\s*(\w+)")

# How loops run is not a generator's to name, whichever way it is spelled.
SCHEDULE_TYPES = re.compile(r"\b(TailStrategy|LoopLevel|MemoryType|DeviceAPI|ForType|PrefetchBoundStrategy|"
                            r"AutoschedulerParams)\b")

DEFINITIONS = [
    (re.compile(r"\bRDom\b"), "a reduction domain"),
    (re.compile(r"(?<![<>=!])[-+*/%&|^]=(?!=)"), "an update"),
    (re.compile(r"\w\s*\([^;{}]*?\)\s*=(?!=)(?!\s*(?:default|delete|0)\s*;)"), "a definition"),
    (re.compile(r"\bFunc\s+\w+\s*(?:;|\{|\(\s*\"|\(\s*\))"), "a new Func"),
    (re.compile(r"\bFunc\s*\("), "a new Func"),
    (re.compile(r"\b(?:ImageParam|Param\s*<[^;>]*>)\s+\w+\s*[;({]"), "a new parameter"),
    (re.compile(r"(?<![.\w>])(select|lambda|undef|mux|sum|product|maximum|minimum|argmin|argmax|saturating_cast|cast\s*<"
                r"[^;()]*>)\s*\("), "an expression of the algorithm"),
]


def without_comments(text):
    """The same lines, with comments blanked and string literals emptied."""
    def blank(match):
        token = match.group(0)
        return '""' if token[0] == '"' else re.sub(r"[^\n]", " ", token)
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def generator_violations(text):
    for match in MEMBER_CALL.finditer(text):
        if match.group(1) not in BUILDING:
            yield match.start(1), f"generators/ build definitions only: .{match.group(1)}() is not one of those calls"
    for match in MEMBER_POINTER.finditer(text):
        yield match.start(1), f"generators/ build definitions only: a pointer to {match.group(1)}"
    for match in SCHEDULE_TYPES.finditer(text):
        yield match.start(), f"generators/ build definitions only: {match.group(1)} is about how"


def schedule_violations(text):
    for match in MEMBER_CALL.finditer(text):
        if match.group(1) not in DIRECTIVES:
            yield match.start(1), f"schedules/ call directives only: .{match.group(1)}() is none"
    for pattern, what in DEFINITIONS:
        for match in pattern.finditer(text):
            yield match.start(), f"schedules/ call directives only: {what}"


HALIDE = re.compile(r'^\s*#\s*include\s*[<"]Halide', re.M)
# Generated code for devices takes the C structs of HalideRuntime.h, which runtime/cuda fills.
BEYOND_STRUCTS = re.compile(r'^\s*#\s*include\s*[<"]Halide(?!Runtime\.h)', re.M)
WITHOUT_HALIDE = ("runtime", "tests/reference", "bench", "compiler/tconv")


def violations(name):
    path = Path(name)
    if path.suffix not in (".cpp", ".h", ".c", ".cu"):
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    if name.startswith(tuple(folder + "/" for folder in WITHOUT_HALIDE)):
        pattern = BEYOND_STRUCTS if name.startswith("runtime/cuda/") else HALIDE
        for match in pattern.finditer(text):
            yield line_of(text, match.end()), "this folder is built without Halide"
    code = without_comments(text)
    check = {"generators": generator_violations, "schedules": schedule_violations}.get(path.parts[0])
    for position, what in check(code) if check else ():
        yield line_of(code, position), what


def main():
    failed = False
    for name in sys.stdin.read().splitlines():
        for number, what in violations(name):
            print(f"{name}:{number}: {what}")
            failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main())
