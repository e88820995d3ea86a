"""theano.tensor.signal.conv: convolution of images without channels."""

from __future__ import annotations

from typing import Any

import weft as wf

from ...symbolic.errors import blame, user_site
from .convert import alike, floats, unwrap
from .variables import wrap


def conv2d(
    input: Any,
    filters: Any,
    image_shape: Any = None,
    filter_shape: Any = None,
    border_mode: str = "valid",
    **ignored: Any,
) -> Any:
    """The convolution of a matrix, or a stack of them, with a kernel, or a stack of them."""
    x, w = map(floats, alike(unwrap(input), unwrap(filters)))
    if x.ndim not in (2, 3) or w.ndim not in (2, 3):
        text = f"signal.conv.conv2d takes matrices or stacks of them, not {x.ndim} and {w.ndim} axes."
        raise blame(Exception(text), user_site(), x.site, w.site)
    images = wf.expand_dims(x, 1 if x.ndim == 3 else (0, 1))
    kernels = wf.expand_dims(w, 1 if w.ndim == 3 else (0, 1))
    found = wf.conv2d(images, kernels, padding=border_mode, flip=True)
    gone = [axis for axis, rank in ((0, x.ndim), (1, w.ndim)) if rank == 2]
    return wrap(wf.squeeze(found, tuple(gone)) if gone else found)
