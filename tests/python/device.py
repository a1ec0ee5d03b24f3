"""Arrays on CUDA devices that are not there: addresses that nobody follows, by DLPack capsules made by hand; and the driver
of tests/cuda/fake_driver.h, which records what it is asked."""

import contextlib
import ctypes
import itertools
import types

FLOAT, UINT, BFLOAT = 2, 1, 4  # DLDataTypeCode
CUDA = 2                       # DLDeviceType

_addresses = itertools.count(0x7F0000000000, 0x10000000)


class _Tensor(ctypes.Structure):  # DLTensor
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class _Managed(ctypes.Structure):  # DLManagedTensor
    _fields_ = [("tensor", _Tensor), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class _Versioned(ctypes.Structure):  # DLManagedTensorVersioned
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("manager", ctypes.c_void_p),
                ("deleter", ctypes.c_void_p), ("flags", ctypes.c_uint64), ("tensor", _Tensor)]


_capsule_new = ctypes.pythonapi.PyCapsule_New
_capsule_new.restype, _capsule_new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
TYPES = {"float32": (FLOAT, 32), "float64": (FLOAT, 64), "float16": (FLOAT, 16), "uint8": (UINT, 8)}


def dense(shape):
    return tuple(itertools.accumulate((1, *reversed(shape[1:])), lambda a, b: a * b))[::-1]


class DeviceArray:
    """What there is of an array on a device without a framework. `streams`: those that it was asked for."""

    def __init__(self, shape, dtype="float32", *, device=0, strides=None, address=None, read_only=False, versions=True):
        self.shape, self.dtype = tuple(shape), dtype
        self.ordinal, self.strides = device, dense(self.shape) if strides is None else strides
        self.address = next(_addresses) if address is None else address
        self.read_only, self.versions = read_only, versions
        self.streams, self.kept = [], []

    def __dlpack_device__(self):
        return (CUDA, self.ordinal)

    def __dlpack__(self, *, stream=None, **others):
        if others and not self.versions:
            raise TypeError("__dlpack__() got an unexpected keyword argument 'max_version'")
        self.streams.append(stream)
        integers = ctypes.c_int64 * len(self.shape)
        tensor = _Tensor(self.address, CUDA, self.ordinal, len(self.shape), *TYPES[self.dtype], 1, integers(*self.shape),
                         integers(*self.strides), 0)
        if others:
            managed, name = _Versioned(1, 0, None, None, int(self.read_only), tensor), b"dltensor_versioned"
        else:
            managed, name = _Managed(tensor, None, None), b"dltensor"
        self.kept.append(managed)  # capsules own nothing
        return _capsule_new(ctypes.addressof(managed), name, None)


def cupy_module():
    """A module that has of CuPy what tconv calls. Its current stream is `stream`."""
    module = types.ModuleType("cupy")
    module.stream, module.entered, module.float32, module.uint8 = 0, [], "float32", "uint8"

    class ndarray(DeviceArray):
        @property
        @contextlib.contextmanager
        def device(self):
            module.entered.append(self.ordinal)
            yield
            module.entered.pop()

    ndarray.__module__ = "cupy"
    module.ndarray = ndarray
    module.empty = lambda shape, dtype: ndarray(shape, dtype, device=module.entered[-1])
    module.cuda = types.SimpleNamespace(get_current_stream=lambda: types.SimpleNamespace(ptr=module.stream))
    return module


class Launch(ctypes.Structure):
    _fields_ = [("function", ctypes.c_void_p), ("stream", ctypes.c_void_p), ("context", ctypes.c_void_p),
                ("grid", ctypes.c_uint * 3), ("block", ctypes.c_uint * 3), ("entry", ctypes.c_char * 128)]


class FakeDriver(ctypes.Structure):
    """struct FakeDriver of fake_driver.h."""

    _fields_ = [("devices", ctypes.c_int), ("major", ctypes.c_int), ("minor", ctypes.c_int), ("failing", ctypes.c_char_p),
                ("failing_with", ctypes.c_int), ("calls", ctypes.c_int), ("loads", ctypes.c_int), ("unloads", ctypes.c_int),
                ("retained", ctypes.c_int), ("depth", ctypes.c_int), ("launches", ctypes.c_int), ("last", Launch * 16),
                ("loaded_image", ctypes.c_char * 4)]

    def reset(self):
        """Two devices of capability 9.0, nothing recorded."""
        ctypes.memset(ctypes.addressof(self), 0, ctypes.sizeof(self))
        self.devices, self.major = 2, 9

    def queued(self):
        """The latest launches as (stream, context), and forgets them."""
        found = [(launch.stream or 0, launch.context) for launch in self.last[:min(self.launches, 16)]]
        self.launches = 0
        return found


def fake_driver():
    """That of this process, which LD_LIBRARY_PATH leads to."""
    control = ctypes.CDLL("libcuda.so.1").tconv_fake_driver
    control.restype = ctypes.POINTER(FakeDriver)
    return control().contents
