"""The docstrings of the convolutions in `convolution.py`: one text each for all numbers of axes."""

from __future__ import annotations

from ...ops.windows import SPATIAL

WEIGHTS = """an initialiser, an array to begin with, or
        an expression: weights that layers share"""
SIZE = "of the kernels, from 1 up: a number, or one for each axis of space"
BIAS = "(filters,) the same, or a number that fills it; None: no biases"
WHERE = """stride : from one window to the next: a number, or one for each axis of space
    padding : how much is added around x: a number, one for each axis, a pair (before, after) for each, or one of
        "valid" (none), "same" (ceil(in / stride) windows), "half" (reach // 2) and "full" (reach - 1)
    padding_mode : what is added: "zeros"; or elements of x: "reflect", mirrored at its outermost ones, "symmetric",
        beside them, "replicate", these themselves, or "circular", from the other end
    dilation : from one element of x to the next that neighbours in a kernel see"""
DRAWS = "draws what the parameters begin with; None: `init.generator()`"
NAMES = "the parameters are `{name}_w` and `{name}_b`; None: `conv`, `conv2` ..."
RAISES = """Raises ShapeError for a number of channels that is a symbol, for parameters that do not fit, and for a
    kernel that is larger than x with its padding; ArgumentError for an argument of another kind."""

CONV = f"""Every window of x against `filters` kernels, in all channels: wf.conv{{rank}}d with parameters of its own.

        y[n, f, {{p}}] = b[f] + sum over c, {{k}} of w[f, c, {{k}}] x[n, c, {{read}}]

    with the stride s, the dilation d and the padding p in front.

    Parameters
    ----------
    x : (batch, channels, {{sizes}}) floats
    filters : how many channels come out
    size : {SIZE}
    w : (filters, channels // groups, *size); {WEIGHTS}
    b : {BIAS}
    {WHERE}
    groups : the channels are cut in so many groups, and so are the filters, each of which sees its own group alone
    flip : True: the kernels are turned around first, the convolution of mathematics
    rng : {DRAWS}
    name : {NAMES}

    Returns
    -------
    (batch, filters, {{sizes}}), where each size is

        floor((before + in + after - reach) / stride) + 1,    reach = (size - 1) * dilation + 1

    {RAISES}

    Examples
    --------
    >>> x = wf.tensor("x", ("batch", 3, {{example}}))
    >>> wf.nn.layers.conv{{rank}}d(x, 8, 3, stride=2, padding=1, padding_mode="reflect").shape
    (batch, 8, {{halves}})
    """

TRANSPOSE = f"""wf.conv{{rank}}d_transpose with parameters of its own: every element of x is spread over the result.

    The transpose, and so the gradient, of the convolution with the same arguments: it makes images larger where that
    makes them smaller.

    Parameters
    ----------
    x : (batch, channels, {{sizes}}) floats
    filters : how many channels come out
    size : {SIZE}
    w : (channels, filters // groups, *size); {WEIGHTS}
    b : {BIAS}
    stride : from the place to which one element of x goes to the next: a number, or one for each axis of space
    padding : how much of the border is cut off, in any of the forms that conv{{rank}}d takes;
        "same": in * stride is left
    output_padding : how much is added behind, less than the stride or the dilation: of the several sizes that the
        convolution takes to that of x, it says which is meant
    dilation : from one place to the next to which neighbours in a kernel go
    groups, flip : those of the convolution
    rng : {DRAWS}
    name : {NAMES}

    Returns
    -------
    (batch, filters, {{sizes}}), where each size is

        (in - 1) * stride - before - after + (size - 1) * dilation + output_padding + 1

    {RAISES}

    Examples
    --------
    >>> x = wf.tensor("x", ("batch", 8, {{halves}}))
    >>> wf.nn.layers.conv{{rank}}d_transpose(x, 3, 3, stride=2, padding=1, output_padding=1).shape
    (batch, 3, {{example}})
    """

DEPTHWISE = f"""Every channel of x against `multiplier` kernels of its own: as many groups as channels.

    Parameters
    ----------
    x : (batch, channels, {{sizes}}) floats
    size : {SIZE}
    multiplier : how many channels come out of each, which stand side by side
    w : (channels * multiplier, 1, *size); {WEIGHTS}
    b : (channels * multiplier,) the same, or a number that fills it; None: no biases
    {WHERE}
    flip : True: the kernels are turned around first
    rng : {DRAWS}
    name : {NAMES}

    Returns (batch, channels * multiplier, {{sizes}}), the sizes as of conv{{rank}}d.

    {RAISES}
    """

SEPARABLE = f"""Every channel of x against kernels of its own, then the channels mixed at each place.

    depthwise_conv{{rank}}d without biases, then conv{{rank}}d with kernels of size 1: of each channel size + filters
    weights in place of size * filters (Chollet 2017, Xception, section 3).

    Parameters
    ----------
    x : (batch, channels, {{sizes}}) floats
    filters : how many channels come out
    size : {SIZE}
    multiplier : how many channels the first step makes of each
    depth_w : (channels * multiplier, 1, *size) of the first step; {WEIGHTS}
    w : (filters, channels * multiplier{{ones}}) of the second; the same
    b : {BIAS}
    {WHERE}
    flip : True: the kernels are turned around first
    rng : {DRAWS}
    name : the parameters are `{{name}}_depth_w`, `{{name}}_w` and `{{name}}_b`; None: `conv`, `conv2` ...

    Returns (batch, filters, {{sizes}}), the sizes as of conv{{rank}}d.

    {RAISES}
    """


CONV_LSTM = """`lstm` of images: i, f, g, o = wf.conv{rank}d(x[:, t], w, b) + wf.conv{rank}d(h, w_h), of the sizes of x.

    Parameters
    ----------
    x : (batch, time, channels, {sizes}) floats
    filters : channels of the state
    size : of the kernels, odd: a number, or one for each axis of space
    w, w_h, b : (4 filters, channels, *size), (4 filters, filters, *size) and (4 filters,): those of i, f, g, o; an
        initialiser, a number that fills it, an array to begin with, or an expression
    forget_bias : what is added where a number fills b, to the biases of f
    state : (h, c) at first, each (batch, filters, {sizes}), or what broadcasts to it; None: zeros
    reverse, rng, name : as `rnn` takes them

    Returns
    -------
    (outputs, (h, c)) : (batch, time, filters, {sizes}), and (batch, filters, {sizes}) each

    References
    ----------
    Shi et al. 2015, Convolutional LSTM Network, equation 3, without peepholes.
    """


def text_of(template: str, rank: int) -> str:
    """The text for this number of axes of space."""
    letters = "ijk"[:rank]
    words = {
        "rank": rank,
        "sizes": ", ".join(SPATIAL[rank]),
        "p": ", ".join(letters),
        "k": ", ".join(c * 2 for c in letters),
        "read": ", ".join(f"{c} s + {c * 2} d - p" for c in letters),
        "ones": ", 1" * rank,
        "example": ", ".join(["32"] * rank),
        "halves": ", ".join(["16"] * rank),
        "name": "{name}",
    }
    return template.format(**words)
