"""Structs and enums of tconv's C headers as ctypes, read from the headers themselves: no second copy to keep in step."""

import ctypes
import re

TYPES = {"size_t": ctypes.c_size_t, "int32_t": ctypes.c_int32, "int64_t": ctypes.c_int64, "float": ctypes.c_float}


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


class Header:
    """structs: name without tconv_ to class; constants: the value of every enumerator."""

    def __init__(self, *paths):
        text = without_comments("".join(path.read_text(encoding="utf-8") for path in paths))
        self.constants = {}
        for body in re.findall(r"typedef enum \w+ \{(.*?)\}", text, flags=re.DOTALL):
            for name, value in re.findall(r"(\w+) = (-?\d+)", body):
                self.constants[name] = int(value)
        self.structs = {}
        for name, body in re.findall(r"typedef struct tconv_(\w+) \{(.*?)\} tconv_\1;", text, flags=re.DOTALL):
            if "(*" in body:
                continue  # hooks: not used here
            fields = [field for line in body.split(";") for field in self.fields(line.strip())]
            self.structs[name] = type(name, (ctypes.Structure,), {"_fields_": fields})

    def fields(self, line):
        """int32_t a, b[2] -> two fields."""
        if not line:
            return
        kind, names = re.fullmatch(r"(?:const )?(\w+)\s+(.*)", line, flags=re.DOTALL).groups()
        for name in names.split(","):
            pointer, name, length = re.fullmatch(r"(\*?)(\w+)(?:\[(\d+)\])?", name.strip()).groups()
            field = ctypes.c_void_p if pointer else TYPES.get(kind) or self.structs[kind.removeprefix("tconv_")]
            yield name, field * int(length) if length else field
