"""Each ```c block of the documentation is a C file of its own, each ```cpp block one of C++17: it compiles without a
warning, and if it has a main, it links with libtconv, runs, and prints what the indented lines below it show.

A block that includes "up.h" uses a compiled layer: the first `tconv compile` of the page makes it, as written there.

usage: c_blocks.py PROJECT C_COMPILER CXX_COMPILER LIBTCONV SCRATCH [TCONV]
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

FLAGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
STANDARDS = {"c": "-std=c11", "cpp": "-std=c++17"}
BLOCK = re.compile(r"^```(c|cpp)\n(.*?)^```\n", re.S | re.M)
COMPILE_LINE = re.compile(r"^ {4}(?:\S*/)?tconv (compile (?:.*\\\n)*.*)$", re.M)


class Page:
    def __init__(self, path, arguments):
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        project, c_compiler, cxx_compiler, self.library, scratch, *tool = arguments
        self.compilers = {"c": c_compiler, "cpp": cxx_compiler}
        self.includes = ["-I", f"{project}/runtime/include"]
        self.tool = tool[0] if tool else None
        self.folder = Path(scratch) / path.stem

    def make_layer(self):
        line = COMPILE_LINE.search(self.text)
        if not line:
            sys.exit(f"{self.path}: no `tconv compile` for the block with up.h")
        arguments = line.group(1).replace("\\\n", " ").split()
        subprocess.run([self.tool, *arguments], cwd=self.folder, check=True, stderr=subprocess.DEVNULL)

    def check(self, number, match):
        language, code = match.groups()
        compiler, program = self.compilers[language], self.folder / f"block{number}"
        source = self.folder / f"block{number}.{language}"
        source.write_text(code, encoding="utf-8")
        layer = '#include "up.h"' in code
        if layer and not self.tool:
            print(f"[SKIP] {self.path.name}, block {number}: this build has no tconv command")
            return
        includes = [*self.includes, *(["-fopenmp"] if "<omp.h>" in code else [])]
        if layer:
            self.make_layer()
            includes = [*includes, "-I", self.folder / "compiled"]
        compiled = subprocess.run([compiler, STANDARDS[language], *FLAGS, *includes, "-c", source, "-o", f"{program}.o"],
                                  check=False)
        if compiled.returncode != 0:
            sys.exit(f"{self.path}: block {number} does not compile")
        if "int main(" not in code:
            return
        libraries = [self.folder / "compiled/libup.a"] if layer else []
        subprocess.run([compiler, f"{program}.o", *libraries, self.library, "-lpthread", "-o", program], check=True)
        printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
        shown = self.text[match.end():].partition("```")[0]
        if any(f"\n    {line}\n" not in shown for line in printed.splitlines()):
            sys.exit(f"{self.path}: block {number} prints\n{printed}which the lines below it do not show")


def main():
    project = Path(sys.argv[1])
    blocks = 0
    for path in [project / "README.md", *sorted((project / "docs").glob("*.md"))]:
        page = Page(path, sys.argv[1:])
        for number, match in enumerate(BLOCK.finditer(page.text), 1):
            if number == 1:
                shutil.rmtree(page.folder, ignore_errors=True)
                page.folder.mkdir(parents=True)
            page.check(number, match)
            blocks += 1
    print(f"{blocks} blocks of C and C++")
    return blocks == 0


if __name__ == "__main__":
    sys.exit(main())
