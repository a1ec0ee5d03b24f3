#!/usr/bin/env python3
"""What ptxas makes of the kernels for GPUs, held against a table: a regression without a GPU.

usage: device_code.py write TABLE FOLDER PTXAS     TABLE: schedules/device_code.csv; FOLDER: of the *.cubin that the build
                                                   left; PTXAS: the program that made them
       device_code.py check TABLE FOLDER PTXAS     fails if a kernel has other multiply-adds, or more of anything else

Counts are of instructions in the code, not executed ones. There must be none that read or write local memory, where spilled
registers go. They depend on the version of ptxas, which the table names: another one is not compared.
"""

import collections
import csv
import re
import struct
import subprocess
import sys
from pathlib import Path

# The lower 12 bits of an instruction of 16 bytes, sm_80 to sm_90; as nvdisasm names them, conversions from and to float16
# (HADD2.F32, F2F, F2FP) in one.
OPCODES = {0x223: "FFMA", 0x823: "FFMA", 0xc23: "FFMA", 0x423: "FFMA", 0x22b: "DFMA", 0x82b: "DFMA", 0xc2b: "DFMA", 0x42b: "DFMA",
           0x23c: "HMMA",
           0x230: "convert", 0x304: "convert", 0x23e: "convert", 0x981: "LDG", 0x986: "STG", 0x983: "LDL", 0x387: "STL"}
REGISTERS = (4, 0x2f)  # EIATTR_REGCOUNT: a symbol and a number
COLUMNS = ["kernel", "arch", "registers", "instructions", "FFMA", "DFMA", "HMMA", "convert", "LDG", "STG"]
EXACT = ["FFMA", "DFMA", "HMMA"]


def statistics(path):
    """Registers and instructions of the one kernel in an ELF file of machine code."""
    data = path.read_bytes()
    sections_at, = struct.unpack_from("<Q", data, 0x28)
    count, names = struct.unpack_from("<HH", data, 0x3c)
    sections = [struct.unpack_from("<IIQQQQ", data, sections_at + 64 * i) for i in range(count)]
    found = {}
    for name, _, _, _, offset, size in sections:
        at = sections[names][4] + name
        title = data[at:data.index(b"\0", at)]
        if title.startswith(b".text."):
            codes = collections.Counter(OPCODES.get(struct.unpack_from("<Q", data, at)[0] & 0xfff)
                                        for at in range(offset, offset + size, 16))
            found.update({name: codes[name] for name in sorted(set(OPCODES.values()))}, instructions=size // 16)
        if title == b".nv.info":
            at = offset
            while at < offset + size:  # records of a form, an attribute and, where the form is 4, a size and a value
                form, attribute, length = struct.unpack_from("<BBH", data, at)
                if (form, attribute) == REGISTERS:
                    found["registers"], = struct.unpack_from("<I", data, at + 8)
                at += 4 + (length if form == 4 else 0)
    return found


def rows_of(folder):
    for path in sorted(path for kind in ("phase", "gradient") for path in Path(folder).glob(f"*_{kind}_*.cubin")):
        kernel, arch = path.name.split(".")[:2]
        yield {"kernel": kernel, "arch": arch, **statistics(path)}


def version_of(ptxas):
    said = subprocess.run([ptxas, "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"V([0-9.]+)", said).group(1)


def check(table, rows, version):
    with open(table, encoding="utf-8") as file:
        wanted_version = file.readline().split()[-1]
        expected = {(row["kernel"], row["arch"]): row for row in csv.DictReader(file)}
    wrong = [f"{row['kernel']} {row['arch']}: {row['LDL'] + row['STL']} accesses to local memory"
             for row in rows if row["LDL"] + row["STL"]]
    if version != wanted_version:
        print(f"[SKIP] {table} is of ptxas {wanted_version}, this is {version}: counts are not compared")
    else:
        for row in rows:
            before = expected.pop((row["kernel"], row["arch"]), None)
            if before is None:
                wrong.append(f"{row['kernel']} {row['arch']}: not in {table}")
                continue
            wrong += [f"{row['kernel']} {row['arch']}: {row[name]} {name}, {before[name]} in {table}" for name in COLUMNS[2:]
                      if (row[name] != int(before[name]) if name in EXACT else row[name] > int(before[name]))]
        wrong += [f"{kernel} {arch}: in {table}, but not built" for kernel, arch in expected]
    print("\n".join(wrong + [f"{len(rows)} kernels looked at"]))
    return 1 if wrong or not rows else 0


def main():
    if len(sys.argv) != 5 or sys.argv[1] not in ("write", "check"):
        sys.exit(__doc__)
    _, what, table, folder, ptxas = sys.argv
    rows = list(rows_of(folder))
    if what == "check":
        sys.exit(check(table, rows, version_of(ptxas)))
    with open(table, "w", encoding="utf-8", newline="") as file:
        file.write(f"# Written by scripts/device_code.py from the code of ptxas {version_of(ptxas)}\n")
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
