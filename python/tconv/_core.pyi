"""The extension: the C ABI of tconv.h as Python sees it."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from typing_extensions import Buffer

Pair: TypeAlias = int | Sequence[int]
Activation: TypeAlias = Literal["none", "relu", "leaky_relu", "clip", "sigmoid", "tanh", "elu", "gelu", "gelu_tanh", "silu",
                          "hard_swish", "hard_sigmoid", "softplus", "prelu", "softmax"]
Layout: TypeAlias = Literal["nchw", "nhwc"]
FilterLayout: TypeAlias = Literal["iohw", "hwio", "hwoi", "ohwi"]

version: str

class Spec:
    """One layer: what is computed, not how. Immutable, hashable, always valid.

    Raises ValueError or TypeError with the field, its value and what is allowed.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        in_size: Pair,
        kernel: Pair,
        batch: int = 1,
        stride: Pair = 1,
        pads: Pair = 0,
        output_padding: Pair = 0,
        dilation: Pair = 1,
        groups: int = 1,
        layout: Layout = "nchw",
        dtype: Any = "float32",
        bias: bool = True,
        activation: Activation = "none",
        act_alpha: float = 0.0,
        act_beta: float = 0.0,
        softmax_axis: Literal["channel", "last"] = "channel",
        residual: Literal["none", "before", "after"] = "none",
        math: Literal["fast", "strict", "tf32"] = "fast",
        max_packed_bytes: int | None = None,
    ) -> None:
        """Numbers stand for both axes, pairs are (height, width), four pads (top, left, bottom, right).

        `pads` are rows and columns cut from the full result, negative where it is to grow; `output_padding` adds some at
        the end. `max_packed_bytes` bounds the packed filter: None is the larger of 64 MiB and three times the filter, 0
        the smallest possible.
        """

    @staticmethod
    def parse(text: str) -> Spec:
        """The spec of a layer text, as str(spec) writes it and the tconv command reads it."""

    def with_output_size(self, size: Pair) -> Spec:
        """With the output_padding that gives this size, as torch's output_size; ValueError outside its range."""

    def with_crop(self, crop: Pair, out_size: Pair) -> Spec:
        """With pads such that output 0 is row and column `crop` of the full result, for `out_size` of them."""

    @property
    def batch(self) -> int: ...
    @property
    def in_channels(self) -> int: ...
    @property
    def out_channels(self) -> int: ...
    @property
    def groups(self) -> int: ...
    @property
    def in_size(self) -> tuple[int, int]: ...
    @property
    def kernel(self) -> tuple[int, int]: ...
    @property
    def stride(self) -> tuple[int, int]: ...
    @property
    def dilation(self) -> tuple[int, int]: ...
    @property
    def output_padding(self) -> tuple[int, int]: ...
    @property
    def pads(self) -> tuple[int, int, int, int]: ...
    @property
    def layout(self) -> Layout: ...
    @property
    def dtype(self) -> str: ...
    @property
    def bias(self) -> bool: ...
    @property
    def activation(self) -> Activation: ...
    @property
    def act_alpha(self) -> float: ...
    @property
    def act_beta(self) -> float: ...
    @property
    def softmax_axis(self) -> Literal["channel", "last"]: ...
    @property
    def residual(self) -> Literal["none", "before", "after"]: ...
    @property
    def math(self) -> Literal["fast", "strict", "tf32"]: ...
    @property
    def max_packed_bytes(self) -> int: ...
    @property
    def out_size(self) -> tuple[int, int]:
        """Rows and columns of the output."""

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """(N, C_in, H, W) or (N, H, W, C_in)."""

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        """(N, C_out, H_out, W_out) or (N, H_out, W_out, C_out)."""

    @property
    def filter_shape(self) -> tuple[int, int, int, int]:
        """(C_in, C_out/groups, kH, kW), whatever the layout."""

    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

class Packed(Buffer):
    """A filter in the order of one plan's kernel. bytes(packed) may be stored; Plan.load reads it back."""

    def __len__(self) -> int:
        """Bytes."""

class Plan:
    """A kernel chosen for a spec. May be used by many threads at once; each run in progress has a workspace of its own."""

    def __init__(self, spec: Spec, threads: int | None = 1, kernel: str | None = None) -> None:
        """`threads`: None is TCONV_NUM_THREADS, else the physical cores. `kernel`: a name of tconv.kernels().

        Raises NotImplementedError if this build has no kernel for the spec, or none of that name.
        """

    def pack(self, w: Any, filter_layout: FilterLayout = "iohw") -> Packed:
        """Repacks a filter of shape (C_in, C_out/groups, kH, kW), or with its axes in the order of `filter_layout`.

        Strides may be negative: ``w[:, :, ::-1, ::-1]`` is packed without a copy.
        """

    def load(self, blob: Buffer) -> Packed:
        """A packed filter from its bytes; ValueError if they are damaged or belong to another kernel or layer."""

    def run(self, x: Any, packed: Packed, bias: Any = None, out: Any = None, residual: Any = None,
            slope: Any = None) -> Any:
        """Computes the layer. With `out` nothing is allocated and nothing copied; other Python threads run meanwhile.

        x : array of spec.input_shape; for a batch of one, the batch may be left out; copied if it is flipped, as `residual`
        packed : from pack() or load() of a plan with the same kernel and layer
        bias : array of shape (C_out,), if spec.bias; copied if it is not contiguous, as `slope`
        out : array of spec.output_shape, returned, of any strides that are not negative; None allocates one of the
            framework of `x`
        residual : array of the output's shape, if the spec has one; may be `out` itself
        slope : array of shape (C_out,), for activation "prelu"

        Raises TypeError for what is no array or has other elements, ValueError for shapes, missing arguments, overlaps and
        tensors of PyTorch that require grad.
        """

    def explain(self) -> str:
        """Crop and size, phases, and each kernel with why or why not."""

    @property
    def spec(self) -> Spec: ...
    @property
    def threads(self) -> int: ...
    @property
    def kernel(self) -> str:
        """The name of the kernel that runs."""

    @property
    def requirements(self) -> dict[str, int]:
        """Bytes of input, filter, bias, output, packed filter and workspace, and the alignment of the last two."""

class GradientPlan:
    """A kernel chosen for a gradient of a layer: what its output's gradient gy makes of its input, filter or bias.

    Activation and residual must be "none": chain their derivatives outside.
    """

    def __init__(self, spec: Spec, of: Literal["input", "filter", "bias"], threads: int | None = 1,
                 kernel: str | None = None) -> None:
        """`of`: the gradient of what. Raises NotImplementedError if this build has no kernel for it."""

    def pack(self, w: Any, filter_layout: FilterLayout = "iohw") -> Packed:
        """The layer's filter for the gradient of its input, as Plan.pack takes it; of no use to the layer's own plan."""

    def run(self, gy: Any, packed: Packed | None = None, x: Any = None, out: Any = None,
            filter_layout: FilterLayout = "iohw") -> Any:
        """Computes the gradient. With `out` nothing is allocated and nothing copied; other Python threads run meanwhile.

        gy : array of spec.output_shape
        packed : from pack(), for the gradient of the input
        x : array of spec.input_shape, for the gradient of the filter
        out : array of the shape of input, filter (in the order of `filter_layout`) or bias (contiguous), returned; None
            allocates one

        Raises as Plan.run does.
        """

    @property
    def spec(self) -> Spec: ...
    @property
    def of(self) -> Literal["input", "filter", "bias"]: ...
    @property
    def threads(self) -> int: ...
    @property
    def kernel(self) -> str: ...
    @property
    def requirements(self) -> dict[str, int]:
        """As those of Plan; no packed filter but for the gradient of the input."""

class CudaPacked:
    """A filter in the order of the kernel of one CudaPlan or CudaGradientPlan, on its device."""

    @property
    def array(self) -> Any:
        """Its bytes."""

class CudaPlan:
    """A kernel of a CUDA device chosen for a spec, in the primary context, which is that of frameworks.

    Calls queue kernels on the stream that is current in the framework of their first argument (PyTorch, CuPy; the driver's
    default stream for others) and wait for nothing. Arrays are those with DLPack on the device. Many threads may use a plan
    at once, a forked child may not. In builds with TCONV_BUILD_CUDA only.
    """

    def __init__(self, spec: Spec, device: int = 0, kernel: str | None = None) -> None:
        """`kernel`: a name of tconv.cuda_kernels().

        Raises RuntimeError where there is no driver, no such device, or the driver refuses, NotImplementedError for a device
        that is too old or a spec without a kernel, MemoryError if the device has none left.
        """

    def pack(self, w: Any, filter_layout: FilterLayout = "iohw", memory: Any = None) -> CudaPacked:
        """Repacks a filter as Plan.pack does.

        memory : array of uint8, requirements["packed_filter_bytes"] of them, to pack into; None allocates one of the framework
            of `w`, which PyTorch and CuPy can
        """

    def run(self, x: Any, packed: CudaPacked, bias: Any = None, out: Any = None, residual: Any = None, slope: Any = None,
            workspace: Any = None) -> Any:
        """Computes the layer as Plan.run does, on the device.

        packed : from pack() of a plan with the same kernel and layer
        bias, slope : contiguous
        workspace : array of uint8, requirements["workspace_bytes"] of them, if that is not 0; None allocates it, as `out`
        """

    def explain(self) -> str:
        """Each kernel with its estimate or why not."""

    @property
    def spec(self) -> Spec: ...
    @property
    def device(self) -> int: ...
    @property
    def kernel(self) -> str: ...
    @property
    def requirements(self) -> dict[str, int]:
        """As those of Plan."""

class CudaGradientPlan:
    """A kernel of a CUDA device chosen for a gradient of a layer: GradientPlan on CudaPlan's terms."""

    def __init__(self, spec: Spec, of: Literal["input", "filter", "bias"], device: int = 0, kernel: str | None = None) -> None:
        """`of`: the gradient of what. Raises as CudaPlan does."""

    def pack(self, w: Any, filter_layout: FilterLayout = "iohw", memory: Any = None) -> CudaPacked:
        """The layer's filter for the gradient of its input, as CudaPlan.pack takes it; of no use to the layer's own plan."""

    def run(self, gy: Any, packed: CudaPacked | None = None, x: Any = None, out: Any = None,
            filter_layout: FilterLayout = "iohw", workspace: Any = None) -> Any:
        """Computes the gradient as GradientPlan.run does, on the device, with `workspace` as in CudaPlan.run."""

    @property
    def spec(self) -> Spec: ...
    @property
    def of(self) -> Literal["input", "filter", "bias"]: ...
    @property
    def device(self) -> int: ...
    @property
    def kernel(self) -> str: ...
    @property
    def requirements(self) -> dict[str, int]:
        """As those of Plan."""

def cuda_kernels() -> list[str]:
    """The names of all kernels for devices, in builds that have them."""

def kernels() -> list[str]:
    """The names of all kernels of this build; those that a processor or a layer cannot use are among them."""

def dtype_of(name: str, array: Any) -> str: ...
def shape_of(name: str, array: Any) -> tuple[int, ...]: ...
def device_of(array: Any) -> int | None: ...
def _forget_pools() -> None: ...

class profiles:
    """A submodule: spec and fields of the C struct of a framework to a spec. tconv.profiles is what to call."""

    @staticmethod
    def torch(spec: Spec, params: dict[str, Any]) -> Spec: ...
    @staticmethod
    def chainer(spec: Spec, params: dict[str, Any]) -> Spec: ...
    @staticmethod
    def paddle(spec: Spec, params: dict[str, Any]) -> Spec: ...
    @staticmethod
    def numpy_ml(spec: Spec, params: dict[str, Any]) -> Spec: ...
    @staticmethod
    def onnx(spec: Spec, params: dict[str, Any]) -> Spec: ...
    @staticmethod
    def tensorflow(spec: Spec, params: dict[str, Any]) -> Spec: ...
    @staticmethod
    def keras(spec: Spec, params: dict[str, Any]) -> Spec: ...
    @staticmethod
    def tflite(spec: Spec, params: dict[str, Any]) -> Spec: ...
    @staticmethod
    def jax(spec: Spec, params: dict[str, Any]) -> Spec: ...
    @staticmethod
    def openvino(spec: Spec, params: dict[str, Any]) -> Spec: ...
