"""Convolution under Theano's names and with its conventions: kernels are flipped unless asked not to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import weft as wf

from ...ops.conv import Conv
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from .convert import alike, floats, unwrap
from .creation import as_tensor_variable
from .notes import note_op
from .ops import EQUIVALENTS, Work
from .sizes import as_shape
from .variables import Variable, wrap


def _specify(node: Expr, shape: Any) -> Expr:
    """The node, whose sizes are known where the shape says so; a call where they differ is an error."""
    if shape is None:
        return node
    given = as_shape([-1 if s is None else s for s in shape])
    return wf.reshape(
        node, [d if isinstance(s, int) and s == -1 else s for s, d in zip(given, node.shape, strict=True)]
    )


def numbers(given: Any) -> Any:
    """A stride or padding as plain numbers."""
    if isinstance(given, Variable):
        given = list(as_shape(given))
    if isinstance(given, list | tuple | np.ndarray):
        return tuple(numbers(g) for g in given)
    return given if isinstance(given, str) else int(given)


def _convolution(rank: int) -> Callable[..., Any]:
    function = {1: wf.conv1d, 2: wf.conv2d, 3: wf.conv3d}[rank]

    def conv(
        input: Any,
        filters: Any,
        input_shape: Any = None,
        filter_shape: Any = None,
        border_mode: Any = "valid",
        subsample: Any = None,
        filter_flip: bool = True,
        image_shape: Any = None,
        filter_dilation: Any = None,
        num_groups: int = 1,
        unshared: bool = False,
        **ignored: Any,
    ) -> Any:
        if unshared:
            text = "Convolutions whose kernels differ from place to place (unshared=True) are not supported."
            raise blame(NotImplementedError(text), user_site())
        x, w = map(floats, alike(input, filters))
        x, w = _specify(x, input_shape if input_shape is not None else image_shape), _specify(w, filter_shape)
        steps = numbers(subsample if subsample is not None else (1,) * rank)
        gaps = numbers(filter_dilation if filter_dilation is not None else (1,) * rank)
        options = {"stride": steps, "padding": numbers(border_mode), "dilation": gaps}
        found = wrap(function(x, w, groups=num_groups, flip=filter_flip, **options))
        op = OPS[rank](input_shape, filter_shape, border_mode, steps, filter_flip, gaps, num_groups)
        return note_op(found, op, [as_tensor_variable(input), as_tensor_variable(filters)])

    conv.__name__ = f"conv{rank}d"
    conv.__doc__ = f"The convolution over {rank} axes: `wf.conv{rank}d` with the kernels flipped unless told not to."
    return conv


conv1d, conv2d, conv3d = _convolution(1), _convolution(2), _convolution(3)


def _each(given: Any, rank: int) -> tuple[int, ...]:
    """A number for each axis; None is 1."""
    found = numbers(1 if given is None else given)
    return found if isinstance(found, tuple) else (found,) * rank


class AbstractConv(Work):
    """A convolution, and its options, as programs that look at graphs see it."""

    __props__ = ("border_mode", "subsample", "filter_flip", "filter_dilation", "num_groups")
    convdim = 0

    def __init__(
        self,
        imshp: Any = None,
        kshp: Any = None,
        border_mode: Any = "valid",
        subsample: Any = None,
        filter_flip: bool = True,
        filter_dilation: Any = None,
        num_groups: int = 1,
        unshared: bool = False,
    ) -> None:
        self.imshp, self.kshp, self.border_mode, self.unshared = imshp, kshp, numbers(border_mode), unshared
        self.subsample = _each(subsample, self.convdim)
        self.filter_dilation = _each(filter_dilation, self.convdim)
        self.filter_flip, self.num_groups = filter_flip, num_groups

    @property
    def options(self) -> dict[str, Any]:
        """What the convolution is called with."""
        names = ("border_mode", "subsample", "filter_flip", "filter_dilation", "num_groups", "unshared")
        return {name: getattr(self, name) for name in names}

    def __call__(self, *inputs: Any) -> Any:
        return CONVOLUTIONS[self.convdim](*inputs, self.imshp, self.kshp, **self.options)


class AbstractConv2d(AbstractConv):
    """T.nnet.conv2d."""

    convdim = 2


class AbstractConv3d(AbstractConv):
    """T.nnet.conv3d."""

    convdim = 3


class AbstractConv1d(AbstractConv):
    """A convolution over one axis."""

    convdim = 1


CONVOLUTIONS = {1: conv1d, 2: conv2d, 3: conv3d}
OPS: dict[int, Any] = {1: AbstractConv1d, 2: AbstractConv2d, 3: AbstractConv3d}
EQUIVALENTS[Conv] = lambda node: OPS[node.ndim - 2]()


class _Gradient(AbstractConv):
    """The derivative of a convolution as a function of its own."""

    of_weights = False

    def __call__(self, known: Any, topgrad: Any, shape: Any, add_assert_shape: bool = True) -> Any:
        """`known` is the other argument of the convolution, `shape` the spatial sizes of the result."""
        other, g = map(floats, alike(known, topgrad))
        sizes = (*self._outer(other, g), *as_shape(shape, self.convdim))
        dummy = wf.zeros(sizes, g.dtype)  # the convolution is linear in it, so its value does not matter
        pair = (wrap(other), wrap(dummy)) if self.of_weights else (wrap(dummy), wrap(other))
        out = CONVOLUTIONS[self.convdim](*pair, **self.options).expr
        return note_op(wrap(wf.vjp(out, dummy, g)), self, [known, topgrad, shape])

    def _outer(self, other: Expr, g: Expr) -> tuple[Any, Any]:
        """The sizes of the result that are not spatial."""
        if self.of_weights:
            return g.shape[1], other.shape[1] // self.num_groups
        return g.shape[0], other.shape[1] * self.num_groups


class AbstractConv2d_gradInputs(_Gradient):  # noqa: N801 - Theano's name
    """The derivative of conv2d for its input."""

    convdim = 2


class AbstractConv2d_gradWeights(_Gradient):  # noqa: N801 - Theano's name
    """The derivative of conv2d for its filters."""

    convdim, of_weights = 2, True


class AbstractConv3d_gradInputs(_Gradient):  # noqa: N801 - Theano's name
    """The derivative of conv3d for its input."""

    convdim = 3


class AbstractConv3d_gradWeights(_Gradient):  # noqa: N801 - Theano's name
    """The derivative of conv3d for its filters."""

    convdim, of_weights = 3, True


def _last(shape: Any, count: int) -> Any:
    """The spatial sizes of a whole shape, or of one that holds these alone."""
    if isinstance(shape, Variable) and not isinstance(unwrap(shape).shape[0], int):
        return wrap(unwrap(shape)[-count:])
    return shape[-count:]


def conv2d_grad_wrt_inputs(
    output_grad: Any, filters: Any, input_shape: Any, filter_shape: Any = None, **options: Any
) -> Any:
    """The derivative of conv2d for its input, of this shape."""
    return AbstractConv2d_gradInputs(**options)(filters, output_grad, _last(input_shape, 2))


def conv2d_grad_wrt_weights(
    input: Any, output_grad: Any, filter_shape: Any, input_shape: Any = None, **options: Any
) -> Any:
    """The derivative of conv2d for its filters, of this shape."""
    return AbstractConv2d_gradWeights(**options)(input, output_grad, _last(filter_shape, 2))


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    input_dilation: Any = (1, 1),
    **options: Any,
) -> Any:
    """The transpose of conv2d with stride `input_dilation`: an output of this shape."""
    gradient = AbstractConv2d_gradInputs(border_mode=border_mode, subsample=input_dilation, **options)
    return gradient(filters, input, _last(output_shape, 2))


def conv3d_grad_wrt_inputs(
    output_grad: Any, filters: Any, input_shape: Any, filter_shape: Any = None, **options: Any
) -> Any:
    """The derivative of conv3d for its input, of this shape."""
    return AbstractConv3d_gradInputs(**options)(filters, output_grad, _last(input_shape, 3))


def conv3d_grad_wrt_weights(
    input: Any, output_grad: Any, filter_shape: Any, input_shape: Any = None, **options: Any
) -> Any:
    """The derivative of conv3d for its filters, of this shape."""
    return AbstractConv3d_gradWeights(**options)(input, output_grad, _last(filter_shape, 3))


# ---- shapes and sizes ------------------------------------------------------------------------------------------------


def get_conv_shape_1axis(
    image_shape: Any, kernel_shape: Any, border_mode: Any, subsample: Any, dilation: Any = 1
) -> Any:
    """The size of a convolution along one axis; None where something is not known."""
    if any(v is None for v in (image_shape, kernel_shape, border_mode, subsample, dilation)):
        return None
    reach = (kernel_shape - 1) * dilation + 1
    known = {"half": (reach // 2, reach // 2), "full": (reach - 1, reach - 1), "valid": (0, 0)}
    if isinstance(border_mode, str):
        if border_mode not in known:
            text = f"border_mode is 'valid', 'half', 'full', a number or a tuple, not {border_mode!r}."
            raise blame(ValueError(text), user_site())
        before, behind = known[border_mode]
    else:
        before, behind = border_mode if isinstance(border_mode, tuple) else (border_mode, border_mode)
    return (image_shape + before + behind - reach) // subsample + 1


def get_conv_output_shape(
    image_shape: Any, kernel_shape: Any, border_mode: Any, subsample: Any, filter_dilation: Any = None
) -> tuple[Any, ...]:
    """(images, filters, and the spatial sizes) of a convolution, in numbers or variables; None: not known."""
    images, spatial = image_shape[0], image_shape[2:]
    filters, kernels = kernel_shape[0], kernel_shape[-len(spatial) :]
    gaps = filter_dilation if filter_dilation is not None else (1,) * len(subsample)
    borders = border_mode if isinstance(border_mode, tuple) else (border_mode,) * len(spatial)
    axes = zip(spatial, kernels, borders, subsample, gaps, strict=True)
    return (images, filters, *[get_conv_shape_1axis(*axis) for axis in axes])


def bilinear_upsampling(
    input: Any,
    ratio: int | None = None,
    frac_ratio: Any = None,
    batch_size: Any = None,
    num_input_channels: Any = None,
    use_1D_kernel: bool = True,
) -> Any:
    """Images `ratio` times as large, with straight lines between the pixels; the outermost ones are repeated."""
    if ratio is None:
        text = "bilinear_upsampling takes ratio, a whole number; fractions (frac_ratio) are not supported."
        raise blame(NotImplementedError(text), user_site())
    x = floats(input)
    rows, columns = (_between(d, ratio, x.dtype) for d in x.shape[-2:])
    return wrap(rows @ x @ wf.transpose(columns))


def _between(size: Any, ratio: int, dtype: Any) -> Expr:
    """The matrix that interpolates: row i weighs the pixels beside the place that output i stands for."""
    places = (wf.arange(size * ratio) - (ratio - 1) // 2).astype(dtype) / ratio
    inside = wf.clip(places, 0.0, unwrap(size).astype(dtype) - 1.0)
    return wf.maximum(1.0 - wf.abs(wf.expand_dims(inside, 1) - wf.arange(size).astype(dtype)), 0.0)
