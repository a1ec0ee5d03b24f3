"""libtconv.so through ctypes: a spec completed by a profile, and a layer run from arrays in the framework's own order."""

import ctypes
from pathlib import Path

import numpy as np

from c_header import Header

INCLUDE = Path(__file__).resolve().parents[2] / "runtime" / "include" / "tconv"
MESSAGE_BYTES = 300


class Refused(Exception):
    """With what tconv said."""


def aligned(count, alignment):
    """Zeroed bytes at this alignment."""
    block = np.zeros(count + alignment, np.uint8)
    start = -block.ctypes.data % alignment
    return block[start : start + count]


class Library:
    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.header = Header(INCLUDE / "tconv.h", INCLUDE / "tconv_profiles.h")
        self.c.tconv_status_string.restype = ctypes.c_char_p

    def dtypes(self):
        """Of the kernels in this library: a build may leave some out."""
        self.c.tconv_kernel_name.restype = ctypes.c_char_p
        names = [self.c.tconv_kernel_name(index).decode() for index in range(self.c.tconv_kernel_count())]
        return {part.upper() for name in names for part in name.split("_")}

    def constant(self, name):
        return self.header.constants["TCONV_" + name]

    def initialised(self, struct):
        made = self.header.structs[struct]()
        getattr(self.c, f"tconv_{struct}_init")(ctypes.byref(made), ctypes.c_size_t(ctypes.sizeof(made)))
        return made

    def check(self, status, message=b""):
        if status:
            raise Refused((message or self.c.tconv_status_string(status)).decode())

    def profile(self, name, spec, params):
        """Completes the spec, or raises Refused."""
        message = ctypes.create_string_buffer(MESSAGE_BYTES)
        function = getattr(self.c, "tconv_profile_" + name)
        status = function(ctypes.byref(spec), ctypes.byref(params), message, ctypes.c_size_t(MESSAGE_BYTES))
        if status and not message.value:
            raise AssertionError(f"{name} refuses with status {status} and no message")
        self.check(status, message.value)

    def output_size(self, spec):
        size = (ctypes.c_int32(), ctypes.c_int32())
        self.check(self.c.tconv_spec_output_size(ctypes.byref(spec), *map(ctypes.byref, size)))
        return tuple(s.value for s in size)

    def filter_view(self, spec, weights, w):
        view, message = self.header.structs["view"](), ctypes.create_string_buffer(MESSAGE_BYTES)
        status = self.c.tconv_profile_filter(ctypes.byref(spec), self.constant("WEIGHTS_" + weights), w.ctypes.data_as(ctypes.c_void_p),
                                             ctypes.byref(view), message, ctypes.c_size_t(MESSAGE_BYTES))  # fmt: skip
        self.check(status, message.value)
        return view

    def image_view(self, array, layout):
        """Of a dense array of four dimensions whose axes are in this order."""
        view = self.header.structs["view"]()
        view.data = array.ctypes.data
        for axis, letter in enumerate("NCHW"):
            view.stride[axis] = array.strides[layout.index(letter)] // array.itemsize
        return view

    def run(self, spec, x, filter_view, b, layout):
        """y, in the axis order of x."""
        rows, columns = self.output_size(spec)
        sizes = {"N": spec.batch, "C": spec.out_channels, "H": rows, "W": columns}
        y = np.full([sizes[letter] for letter in layout], np.nan, x.dtype)
        plan = ctypes.c_void_p()
        self.check(self.c.tconv_plan_create(ctypes.byref(spec), None, None, ctypes.byref(plan)))
        try:
            need = self.initialised("requirements")
            self.check(self.c.tconv_plan_requirements(plan, ctypes.byref(need)))
            packed = aligned(need.packed_filter_bytes, need.alignment)
            workspace = aligned(need.workspace_bytes, need.alignment)
            self.check(self.c.tconv_pack_filter(plan, ctypes.byref(filter_view), packed.ctypes.data_as(ctypes.c_void_p),
                                                ctypes.c_size_t(packed.nbytes)))  # fmt: skip
            tensors = self.initialised("tensors")
            tensors.input, tensors.output = self.image_view(x, layout), self.image_view(y, layout)
            tensors.packed_filter, tensors.workspace = packed.ctypes.data, workspace.ctypes.data
            tensors.workspace_bytes = workspace.nbytes
            if b is not None:
                tensors.bias = b.ctypes.data
            self.check(self.c.tconv_run(plan, ctypes.byref(tensors)))
        finally:
            self.c.tconv_plan_destroy(plan)
        return y
