"""Names, lengths and words that this project does not want. Reads file names from standard input.

Nothing here may trip over its own patterns, so the words are written in pieces.
"""

import re
import sys
from pathlib import Path

CODE = {".cpp", ".h", ".hpp", ".c", ".cu", ".py", ".sh", ".cmake", ".txt"}
TEXT = CODE | {".md", ".in", ".json", ".toml", ".yml", ".yaml", ""}
LONGEST = 400
LONGEST_PUBLIC_HEADER = 299
LONGEST_ORACLE = 120

# A name says what is inside. These say only that something is.
EMPTY_NAMES = {"util", "utils", "common", "helper", "helpers", "misc", "old", "new", "tmp"}

WORDS = [
    (re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"), "unfinished work belongs in an issue"),
    (re.compile(r"^\s*#\s*if\s+[01]\b"), "code that is switched off: delete it"),
    (re.compile(r"\bif\s*\(\s*(0|1|true|false)\s*\)"), "a condition that is none"),
    (re.compile(r"(^|[^\w.])/(wo" r"rk|fa" r"rm|ho" r"me|tm" r"p|ro" r"ot)/"), "a path of one machine"),
]


def name_violation(path):
    for part in path.parts:
        words = re.split(r"[_\-.]", part.lower())
        empty = EMPTY_NAMES.intersection(words)
        if empty:
            return f"the name '{empty.pop()}' says nothing about the content"
        if re.search(r"[a-z]{2}2(\.|$)", part.lower()):
            return "a second version of something: give it a name of its own"
    return None


def longest(path):
    if path.match("runtime/include/tconv/*.h") or path.match("runtime/include/tconv/*.hpp"):
        return LONGEST_PUBLIC_HEADER
    if path.parts[:2] == ("tests", "reference") and path.suffix == ".cpp":
        return LONGEST_ORACLE
    return LONGEST


def violations(path):
    name = name_violation(path)
    if name:
        yield 1, name
    if path.suffix not in TEXT or path.name == "LICENSE":
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        yield 1, "not UTF-8 text"
        return
    if path.suffix in CODE and len(lines) > longest(path):
        yield len(lines), f"{len(lines)} lines, at most {longest(path)}: more than one thing is in here"
    for number, line in enumerate(lines, 1):
        for pattern, why in WORDS:
            if pattern.search(line):
                yield number, f"{why}: {line.strip()}"


def main():
    failed = False
    for name in sys.stdin.read().splitlines():
        for number, what in violations(Path(name)):
            print(f"{name}:{number}: {what}")
            failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main())
