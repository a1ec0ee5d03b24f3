#!/usr/bin/env python3
"""The multiply loops keep their tiles in registers: no innermost loop of a multiply stage touches the stack.

usage: inner_loops.py OBJDUMP CATALOGUE.a

A spill there costs a store and a load in every step of the reduction, which no test of results can see. Prints the
vector multiplications and instructions of each innermost loop, and fails on a spill, on a stage without such a loop,
and on a loop with fewer multiplications than the tile it is named after has accumulators.
"""
import re
import subprocess
import sys

FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:")
INSTRUCTION = re.compile(r"^\s+([0-9a-f]+):\t(.*)$")
JUMP = re.compile(r"(?:j\w+|b(?:\.\w+)?|cbn?z|tbn?z)\s.*?\b([0-9a-f]+) <")
MULTIPLY = re.compile(r"vfn?m(?:add|sub)\d+ps|v?mulps|fml[as]\s|fmul\s+v")
STAGE = re.compile(r"tconv_stages_(\w+?)_(channels|pixels|depthwise)(\d+)x(\d+)_multiply_(\d+)$")
VECTOR = {"baseline": 4, "avx2": 8, "avx512": 16, "neon": 4}


def functions(objdump, archive):
    text = subprocess.run([objdump, "-d", "--no-show-raw-insn", archive], check=True, capture_output=True, text=True)
    name, body = None, {}
    for line in text.stdout.splitlines():
        if match := FUNCTION.match(line):
            name = match.group(1)
            body[name] = []
        elif name and (match := INSTRUCTION.match(line)):
            body[name].append((int(match.group(1), 16), match.group(2)))
    return body


def innermost_loops(body):
    """Instruction texts of every backward jump's span that holds no other such span."""
    index = {address: i for i, (address, _) in enumerate(body)}
    spans = set()
    for i, (address, text) in enumerate(body):
        match = JUMP.match(text)
        target = int(match.group(1), 16) if match else None
        if target is not None and target <= address and target in index:
            spans.add((index[target], i))
    return [[text for _, text in body[begin:end + 1]] for begin, end in spans
            if not any(other != (begin, end) and begin <= other[0] and other[1] <= end for other in spans)]


def stack(body):
    """What an access to this function's stack frame looks like."""
    framed = any(re.search(r"mov\s+%rsp,%rbp|mov\s+x29, sp", text) for _, text in body[:30])
    return re.compile(r"\((?:%rsp|%rbp)|\[(?:sp|x29)" if framed else r"\(%rsp|\[sp")


def main():
    failed = checked = 0
    for name, body in sorted(functions(*sys.argv[1:3]).items()):
        match = STAGE.match(name)
        if not match:
            continue
        isa, lanes, a, _, m = match.group(1), match.group(2), *map(int, match.group(3, 4, 5))
        wanted = a * m // VECTOR[isa]
        loops = innermost_loops(body)
        count = max((sum(bool(MULTIPLY.match(text)) for text in loop) for loop in loops), default=0)
        full = [loop for loop in loops if sum(bool(MULTIPLY.match(text)) for text in loop) == count]
        spills = [text for loop in full for text in loop if stack(body).search(text)]
        print(f"{name}: {count} multiplications in {min(map(len, full), default=0)} instructions")
        checked += 1
        if count < wanted:
            print(f"    FAIL: the tile has {wanted} accumulators")
            failed += 1
        if spills:
            print("    FAIL: touches the stack: " + "; ".join(spills))
            failed += 1
    print(f"{checked} multiply stages, {failed} failures")
    return 1 if failed or checked == 0 else 0


sys.exit(main())
