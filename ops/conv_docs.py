"""The docstrings of conv1d .. conv3d and of their transposes: one text each for all numbers of axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .windows import SPATIAL

F = TypeVar("F", bound=Callable[..., Any])

CONV = """out[n, o, {p}] = bias[o] + sum over c, {k} of x[n, c, {read}] w[o, c, {k}].

    s is the stride, d the dilation, p the padding in front; what lies outside of x counts as 0.  This is the
    cross-correlation that networks call a convolution; with flip=True it is the convolution of mathematics.

    Parameters
    ----------
    x : (batch, channels, {sizes}), float32 or float64
    w : (out, channels // groups, {kernel}), float32 or float64
        The kernels.
    bias : (out,), optional
        Added to each output channel.
    stride : int or {ints}, from 1 up
        The distance between neighbouring windows.
    padding : how many zeros stand around x
        - an int: as many before as after, along every spatial axis
        - {ints}: one for each spatial axis
        - {pairs}: (before, after) for each spatial axis
        - "valid": none
        - "same": so that out_size = ceil(in / stride); an odd zero goes behind, as TensorFlow and JAX do
        - "half": reach // 2 on both sides, which keeps the size for odd kernels and stride 1
        - "full": reach - 1 on both sides: every window that touches x
    dilation : int or {ints}, from 1 up
        The distance between the elements of x that neighbouring elements of the kernel see (1: no holes).
    groups : int
        The channels are cut in so many groups, and the first group of output channels sees the first group of input
        channels alone, the second the second, and so on.  groups = channels is a depthwise convolution.
    flip : bool
        Turn the kernel around along its spatial axes first.

    Returns
    -------
    (batch, out, {sizes}), the promoted dtype of x and w.  Each spatial size is

        floor((before + in + after - reach) / stride) + 1,    reach = (kernel - 1) * dilation + 1

    Raises
    ------
    ShapeError
        if the numbers of axes or channels do not fit, groups does not divide both numbers of channels, the kernel
        reaches farther than the padded input, bias is not (out,), or stride, dilation or groups is below 1
    DTypeError
        if x or w is not a float
    ArgumentError
        if stride, padding, dilation or groups has none of the forms above

    Gradient
    --------
    Of x: the transposed convolution of g with w ({name}_transpose with the same arguments).  Of w: the convolution of
    x with g in which batch and channels, stride and dilation change places.  Of bias: the sum of g over all other
    axes.  All are convolutions themselves, so that derivatives of any order exist.

    Numerics
    --------
    Products are summed in the dtype of the operands.  Padding counts as exact zeros.

    References
    ----------
    V. Dumoulin, F. Visin, A guide to convolution arithmetic for deep learning, 2016, arXiv:1603.07285.
    F. Yu, V. Koltun, Multi-scale context aggregation by dilated convolutions, 2016, arXiv:1511.07122 (dilation).

    Examples
    --------
    >>> x = wf.tensor("x", ("batch", 3, {example}))
    >>> w = wf.shared(np.zeros((8, 3, {threes}), np.float32))
    >>> wf.{name}(x, w, stride=2, padding=1).shape
    (batch, 8, {halves})
    """

TRANSPOSE = """out[n, o, {read}] += x[n, c, {p}] w[c, o, {k}]: the transpose of {conv}.

    s is the stride, d the dilation, p the padding in front.  Every element of x is spread over the result with the
    kernel as its weights: the linear map that is the transpose of {conv} with the same arguments, and so its gradient.
    It makes images larger where {conv} makes them smaller.

    Parameters
    ----------
    x : (batch, channels, {sizes}), float32 or float64
    w : (channels, out // groups, {kernel}), float32 or float64
        The kernels of the convolution this is the transpose of: its output channels come first.
    bias : (out,), optional
        Added to each output channel.
    stride : int or {ints}, from 1 up
        The distance between the places to which neighbouring elements of x go.
    padding : how much of the border is cut off
        The padding of the convolution this is the transpose of, in any of the forms that {conv} takes.  "same" gives
        in * stride.
    output_padding : int or {ints}, less than stride or dilation
        Rows added behind.  With a stride, {conv} takes several sizes to the same one; this says which is meant.
    dilation : int or {ints}, from 1 up
        The distance between the places to which neighbouring elements of the kernel go.
    groups : int
        As in {conv}.
    flip : bool
        The transpose of {conv} with flip=True.

    Returns
    -------
    (batch, out, {sizes}), the promoted dtype of x and w.  Each spatial size is

        (in - 1) * stride - before - after + (kernel - 1) * dilation + output_padding + 1

    Raises
    ------
    ShapeError
        if the numbers of axes or channels do not fit, groups does not divide the channels, padding leaves nothing,
        output_padding is not less than stride or dilation, bias is not (out,), or a number is too small
    DTypeError
        if x or w is not a float
    ArgumentError
        if stride, padding, output_padding, dilation or groups has none of the forms above

    Gradient
    --------
    Of x: {conv} of g with w.  Of w: as in {conv}, with x and g exchanged.

    References
    ----------
    M. Zeiler et al., Deconvolutional networks, CVPR 2010.
    V. Dumoulin, F. Visin, A guide to convolution arithmetic for deep learning, 2016, arXiv:1603.07285, section 4.

    Examples
    --------
    >>> x = wf.tensor("x", ("batch", 8, {halves}))
    >>> w = wf.shared(np.zeros((8, 3, {threes}), np.float32))
    >>> wf.{conv}_transpose(x, w, stride=2, padding=1, output_padding=1).shape
    (batch, 3, {example})
    """


def _words(rank: int) -> dict[str, Any]:
    """What the two texts say for this number of spatial axes."""
    letters = "ijk"[:rank]
    return {
        "p": ", ".join(letters),
        "k": ", ".join(c * 2 for c in letters),
        "read": ", ".join(f"{c} s + {c * 2} d - p" for c in letters),
        "sizes": ", ".join(SPATIAL[rank]),
        "kernel": ", ".join(f"kernel_{word}" for word in SPATIAL[rank]),
        "ints": "a tuple of one int" if rank == 1 else f"a tuple of {rank} ints",
        "pairs": "((before, after),)" if rank == 1 else f"({', '.join(['(before, after)'] * rank)})",
        "name": f"conv{rank}d",
        "conv": f"conv{rank}d",
        "example": ", ".join(["32"] * rank),
        "threes": ", ".join(["3"] * rank),
        "halves": ", ".join(["16"] * rank),
    }


def documented(text: str, rank: int) -> Callable[[F], F]:
    """Give a function its docstring: the text that those for other numbers of axes have, too."""

    def with_text(function: F) -> F:
        function.__doc__ = text.format(**_words(rank))
        return function

    return with_text
