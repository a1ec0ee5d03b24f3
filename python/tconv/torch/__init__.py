"""torch.nn.ConvTranspose2d on tconv's kernels.

    model = tconv.torch.replace(model)          # every torch.nn.ConvTranspose2d of it, in place

:class:`ConvTranspose2d` and :func:`conv_transpose2d` take what torch's take and give the same numbers: on the CPU with as
many threads as torch.get_num_threads(), and on CUDA devices on the current stream; gradients likewise. Inside torch.compile
they are one opaque operator, ``torch.ops.tconv``.
"""

from tconv.torch._module import ConvTranspose2d, conv_transpose2d, replace

__all__ = ["ConvTranspose2d", "conv_transpose2d", "replace"]
