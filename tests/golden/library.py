"""libtconv.so through ctypes: a spec completed by a profile; a layer and its gradients from arrays in the framework's own
order."""

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
        self.header = Header(*(INCLUDE / name for name in ("tconv.h", "tconv_profiles.h", "tconv_gradients.h")))
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

    def image(self, spec, channels, size, layout, like):
        """An array of NaN in the axis order of a layout."""
        sizes = {"N": spec.batch, "C": channels, "H": size[0], "W": size[1]}
        return np.full([sizes[letter] for letter in layout], np.nan, like.dtype)

    def run(self, spec, x, filter_view, b, layout):
        """y, in the axis order of x."""
        y = self.image(spec, spec.out_channels, self.output_size(spec), layout, x)
        tensors = self.initialised("tensors")
        tensors.input, tensors.output = self.image_view(x, layout), self.image_view(y, layout)
        if b is not None:
            tensors.bias = b.ctypes.data
        spec.math = self.constant("MATH_STRICT")  # sums of integers, which are exact: Winograd's divide by three
        self.execute("", (spec,), filter_view, tensors)
        return y

    def gradients(self, spec, x, filter_view, gradient_view, dy, layout):
        """(dx, db), dx in the axis order of x; dw goes into the array that gradient_view is of."""
        dx = self.image(spec, spec.in_channels, (spec.in_h, spec.in_w), layout, x)
        db = np.full(spec.out_channels, np.nan, x.dtype)
        tensors = self.initialised("gradient_tensors")
        tensors.input, tensors.output_gradient = self.image_view(x, layout), self.image_view(dy, layout)
        tensors.input_gradient, tensors.filter_gradient = self.image_view(dx, layout), gradient_view
        tensors.bias_gradient = db.ctypes.data
        for which in ("INPUT", "FILTER", "BIAS"):
            self.execute("gradient_", (spec, self.constant("GRADIENT_" + which)), filter_view, tensors)
        return dx, db

    def execute(self, prefix, layer, filter_view, tensors):
        """Plans, packs the filter if the plan wants one, and runs. prefix: of the functions' names, "" or "gradient_"."""
        function = {name: getattr(self.c, f"tconv_{prefix}{name}")
                    for name in ("plan_create", "plan_requirements", "pack_filter", "run", "plan_destroy")}  # fmt: skip
        spec, *which = layer
        plan = ctypes.c_void_p()
        self.check(function["plan_create"](ctypes.byref(spec), *which, None, None, ctypes.byref(plan)))
        try:
            need = self.initialised("requirements")
            self.check(function["plan_requirements"](plan, ctypes.byref(need)))
            packed = aligned(need.packed_filter_bytes, need.alignment)
            workspace = aligned(need.workspace_bytes, need.alignment)
            if need.packed_filter_bytes:
                self.check(function["pack_filter"](plan, ctypes.byref(filter_view), packed.ctypes.data_as(ctypes.c_void_p),
                                                   ctypes.c_size_t(packed.nbytes)))  # fmt: skip
            tensors.packed_filter, tensors.workspace = packed.ctypes.data, workspace.ctypes.data
            tensors.workspace_bytes = workspace.nbytes
            self.check(function["run"](plan, ctypes.byref(tensors)))
        finally:
            function["plan_destroy"](plan)
