#!/usr/bin/env python3
"""Counts what stands in the innermost loop of every multiply stage, and holds it against a table.

A loop that reads or writes the stack, or takes more instructions for its multiplications than the table allows, loses time
on every machine: no timing is needed to see it. FILEs are a catalogue.a of a build, which objdump of binutils takes apart,
or the assembly (.s) that `tconv-compiler catalogue --multiply-only` writes for any target.

usage: inner_loops.py check TABLE.csv FILE...        exit code 1 names each loop that got worse, is missing, or is unknown
       inner_loops.py write TABLE.csv FILE...        replaces the rows of these files' instruction sets
       inner_loops.py predict CPU[,CPU...] FILE...   cycles for each multiply-add as llvm-mca sees them, best loops first

The table has the widest loop of each tile, and of the narrower ones those that may touch the stack.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ("isa", "type", "loop", "multiply_adds", "loads", "instructions", "stack")
# tconv_stages_avx512_f32_channels64x6_multiply_6_by2
STAGE = re.compile(r"^tconv_stages_(?P<isa>[a-z0-9]+)_(?P<type>f32|f64)_"
                   r"(?P<loop>(?P<tile>\w*(?:multiply|correlate))_(?P<width>\d+)(?P<unroll>_by\d+|_s\d+(?:_rows\d+)?)?):")
DISASSEMBLED = re.compile(r"^ *([0-9a-f]+):\t(.*)$")
TARGET = re.compile(r"\b([0-9a-f]+) <[^>]*>")
LABEL = re.compile(r"^(\.L\w+):")
JUMP = re.compile(r"^\s+(?:j[a-z]+|b\.?[a-z]*|cbn?z|tbn?z)\s.*?(\.L\w+)\s*$")
COMMENT = re.compile(r"\s*(?:#|//).*$")
MULTIPLY_ADD = re.compile(r"^(?:vfn?m(?:add|sub)\d+[ps][sd]|vdpbf16ps|fml[as]|fn?m(?:add|sub))$")
MULTIPLY = re.compile(r"^v?mul[ps][sd]$")  # of SSE2, which has no multiply-add
X86_MEMORY = re.compile(r"(?:-?\w+)?\([^)]*\)(?:\{1to\d+\})?")
ADDRESS_ONLY = re.compile(r"^(?:lea|prefetch|prfm|nop|cs|data16)")
TRIPLES = {"neon": "aarch64-linux-gnu"}


@dataclass
class Loop:
    isa: str
    type: str
    name: str
    form: tuple  # what loops of a tile that differ in their width have in common
    width: int
    body: list  # instructions, without comments and directives
    frame: bool  # rbp is where the stack's frame begins, and no other pointer

    def operations(self):
        return [line.split(None, 1) + [""] for line in self.body]

    def counts(self):
        adds = multiplications = loads = stack = 0
        for operation, operands, *_ in self.operations():
            adds += bool(MULTIPLY_ADD.match(operation))
            multiplications += bool(MULTIPLY.match(operation))
            loads += self.loads(operation, operands)
            stack += self.on_stack(operands)
        return {"multiply_adds": adds or multiplications, "loads": loads, "instructions": len(self.body), "stack": stack}

    def loads(self, operation, operands):
        if ADDRESS_ONLY.match(operation):
            return 0
        if self.isa == "neon":
            return int(operation.startswith("ld"))
        # A memory operand that is not the last one, which an instruction of two or more writes; comparisons write none.
        memory = list(X86_MEMORY.finditer(operands))
        writes = memory and operands.rstrip().endswith(memory[-1].group()) and "," in operands[: memory[-1].start()]
        return len(memory) - bool(writes and not operation.startswith(("cmp", "test", "vcmp")))

    def on_stack(self, operands):
        stack = r"\[(?:sp|x29)\b" if self.isa == "neon" else r"\(%r(?:sp|bp)\b" if self.frame else r"\(%rsp\b"
        return int(bool(re.search(stack, operands)))


def disassembly(path):
    """The lines of objdump as an assembler's: targets of jumps become labels."""
    objdump = os.environ.get("OBJDUMP", "objdump")  # of binutils, for the target
    run = subprocess.run([objdump, "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{path}: {run.stderr.strip()}")
    lines = []

    def labelled():
        targets = {target[1] for _, text in lines if (target := TARGET.search(text))}
        for address, text in lines:
            if address in targets:
                yield f".L{address}:"
            yield "\t" + TARGET.sub(r".L\1", text)

    for line in run.stdout.splitlines():
        if symbol := re.match(r"^[0-9a-f]+ <(\S+)>:$", line):
            yield from labelled()
            lines.clear()
            yield symbol[1] + ":"
        elif found := DISASSEMBLED.match(line):
            lines.append((found[1], found[2]))
    yield from labelled()


def functions_of(path):
    """(match of STAGE, lines) of each multiply stage."""
    assembly = path.suffix == ".s"
    found, lines = None, []
    for line in path.read_text(encoding="utf-8").splitlines() if assembly else disassembly(path):
        line = COMMENT.sub("", line)
        if line and not line[0].isspace() and not line.startswith("."):
            if found:
                yield found, lines
            found, lines = STAGE.match(line), []
        elif line.strip():
            lines.append(line)
    if found:
        yield found, lines


def innermost_loops(lines):
    """Bodies between a label and a later jump back to it that hold no other such pair."""
    labels, spans = {}, []
    for at, line in enumerate(lines):
        if label := LABEL.match(line):
            labels[label[1]] = at
        elif (jump := JUMP.match(line)) and jump[1] in labels:
            spans.append((labels[jump[1]], at))
    for begin, end in spans:
        if not any(begin <= b and e <= end and (b, e) != (begin, end) for b, e in spans):
            yield [line.strip() for line in lines[begin + 1 : end + 1] if line[0].isspace() and not line.strip().startswith(".")]


def loops_of(paths):
    """The one of each stage where the time goes: it multiplies most."""
    loops = []
    for path in map(Path, paths):
        for found, lines in functions_of(path):
            frame = any(re.search(r"mov\w*\s+%rsp,\s*%rbp", line) for line in lines)
            form = found["isa"], found["type"], found["tile"], found["unroll"]
            bodies = [Loop(*form[:2], found["loop"], form, int(found["width"]), body, frame) for body in innermost_loops(lines)]
            if not bodies:
                sys.exit(f"{path}: {found.group()} has no loop")
            loops.append(max(bodies, key=lambda loop: loop.counts()["multiply_adds"]))
    if not loops:
        sys.exit(f"{', '.join(map(str, paths))}: no multiply stage is in there")
    return sorted(loops, key=lambda loop: (loop.isa, loop.type, loop.name))


def widest_of(loops):
    widths = {}
    for loop in loops:
        widths[loop.form] = max(loop.width, widths.get(loop.form, 0))
    return [loop for loop in loops if loop.width == widths[loop.form]]


def read_table(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            sys.exit(f"{path}:1: the header is not {','.join(COLUMNS)}")
        return {(row["isa"], row["type"], row["loop"]): {name: int(row[name]) for name in COLUMNS[3:]} for row in rows}


def check(table, paths):
    expected, loops = read_table(table), loops_of(paths)
    parts = {(loop.isa, loop.type) for loop in loops}
    missing = {key for key in expected if key[:2] in parts} - {(loop.isa, loop.type, loop.name) for loop in loops}
    complaints = [f"{' '.join(key)}: in the table, but not in the assembly" for key in sorted(missing)]
    widest = widest_of(loops)
    for loop in loops:
        name, counts = f"{loop.isa} {loop.type} {loop.name}", loop.counts()
        allowed = expected.get((loop.isa, loop.type, loop.name))
        if allowed is None and loop in widest:
            complaints.append(f"{name}: not in the table: {counts}")
            continue
        allowed = allowed or {**counts, "stack": 0}
        if counts["stack"] > allowed["stack"]:
            complaints.append(f"{name}: {counts['stack']} stack references, {allowed['stack']} allowed: the tile does not "
                              "fit the registers")
        # For each multiplication, so that a loop that is unrolled once more is no worse.
        elif counts["instructions"] * allowed["multiply_adds"] > allowed["instructions"] * counts["multiply_adds"]:
            complaints.append(f"{name}: {counts['instructions']} instructions for {counts['multiply_adds']} multiply-adds, "
                              f"{allowed['instructions']} for {allowed['multiply_adds']} allowed")
    print("\n".join(complaints) if complaints else f"{len(loops)} inner loops as the table has them")
    return 1 if complaints else 0


def write(table, paths):
    loops = loops_of(paths)
    parts = {(loop.isa, loop.type) for loop in loops}
    rows = {key: counts for key, counts in read_table(table).items() if key[:2] not in parts} if Path(table).exists() else {}
    widest = widest_of(loops)
    rows.update({(loop.isa, loop.type, loop.name): loop.counts() for loop in loops if loop in widest or loop.counts()["stack"]})
    with open(table, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*key, *counts.values()] for key, counts in sorted(rows.items()))
    return 0


def predicted_cycles(program, loop, cpu):
    """Of one pass of the loop in the steady state, or None if llvm-mca does not know the processor."""
    triple = TRIPLES.get(loop.isa, "x86_64-linux-gnu")
    passes = 100
    text = "\n".join(line for line in loop.body if not JUMP.match("\t" + line))  # a jump's target is not in the text
    run = subprocess.run([program, f"-mtriple={triple}", f"-mcpu={cpu}", f"-iterations={passes}", "-"], input=text,
                         capture_output=True, text=True, check=False)
    found = re.search(r"^Total Cycles:\s+(\d+)", run.stdout, re.M)
    if run.returncode != 0 or not found or "not a recognized processor" in run.stderr:
        return None
    return int(found[1]) / passes


def predict(cpus, paths):
    program = shutil.which("llvm-mca")
    if program is None:
        print("[SKIP] llvm-mca is not installed (Debian: package llvm)")
        return 0
    loops = loops_of(paths)
    for cpu in cpus.split(","):
        rows = []
        for loop in loops:
            cycles = predicted_cycles(program, loop, cpu)
            if cycles is None:
                print(f"[SKIP] {cpu}: llvm-mca does not know it, or not the instructions of {loop.isa}")
                break
            rows.append((cycles / loop.counts()["multiply_adds"], cycles, loop))
        for each, cycles, loop in sorted(rows, key=lambda row: row[0]):
            print(f"{cpu:16s} {each:6.3f} cycles a multiply-add, {cycles:7.1f} a pass  {loop.isa} {loop.type} {loop.name}")
    return 0


def main(arguments):
    commands = {"check": check, "write": write, "predict": predict}
    if len(arguments) < 3 or arguments[0] not in commands:
        sys.exit(__doc__)
    return commands[arguments[0]](arguments[1], arguments[2:])


sys.exit(main(sys.argv[1:]))
