"""theano.tensor.fft: Fourier transforms of real arrays; complex numbers stand as pairs along a last axis."""

from __future__ import annotations

from typing import Any

import numpy as np

import weft as wf

from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.records import record
from .convert import floats
from .variables import wrap


@record
class _Transform:
    """A transform over all axes but the first."""

    norm: str | None  # None: irfft divides by the number of elements; "ortho": both by its root; "no_norm"
    odd: bool = False  # of irfft: whether the last axis of the real array has an odd number of elements

    def factor(self, sizes: Any, inverse: bool) -> float:
        """What the transform is multiplied with."""
        count = float(np.prod(sizes))
        if self.norm == "ortho":
            return count**-0.5  # type: ignore[no-any-return]
        return 1.0 / count if inverse and self.norm is None else 1.0


def _pairs(z: np.ndarray, dtype: Any) -> np.ndarray:
    return np.stack([z.real, z.imag], -1).astype(dtype)


def _complex(x: np.ndarray) -> Any:
    return x[..., 0] + 1j * x[..., 1]


class _RealTransform(_Transform):
    def __call__(self, x: np.ndarray) -> np.ndarray:
        found = np.fft.rfftn(x, axes=tuple(range(1, x.ndim)))
        return _pairs(found * self.factor(x.shape[1:], False), x.dtype)


class _RealTransformAdjoint(_Transform):
    """The derivative of rfft: a transform of what stands at the lower frequencies alone, in the shape of `like`."""

    def __call__(self, g: np.ndarray, like: np.ndarray) -> np.ndarray:
        half = _complex(g)
        whole = np.zeros(like.shape, complex)
        whole[..., : half.shape[-1]] = half
        count = float(np.prod(like.shape[1:]))
        found = np.fft.ifftn(whole, axes=tuple(range(1, like.ndim))).real * count
        return (found * self.factor(like.shape[1:], False)).astype(like.dtype)


class _Inverse(_Transform):
    def __call__(self, x: np.ndarray) -> np.ndarray:
        half = _complex(x)
        sizes = (*half.shape[1:-1], 2 * (half.shape[-1] - 1) + self.odd)
        found = np.fft.irfftn(half, s=sizes, axes=tuple(range(1, half.ndim))) * float(np.prod(sizes))
        return (found * self.factor(sizes, True)).astype(x.dtype)


class _InverseAdjoint(_Transform):
    """The derivative of irfft: the frequencies between the first and the last count twice."""

    def __call__(self, g: np.ndarray) -> np.ndarray:
        found = np.fft.rfftn(g, axes=tuple(range(1, g.ndim))) * self.factor(g.shape[1:], True)
        weights = np.full(found.shape[-1], 2.0)
        weights[0] = 1.0
        if not self.odd:
            weights[-1] = 1.0
        return _pairs(found * weights, g.dtype)


def rfft(inp: Any, norm: str | None = None) -> Any:
    """The Fourier transform over all axes but the first: half of the last, (real, imaginary) along a new axis."""
    return wrap(_rfft(_check("rfft", inp, norm, 2), norm))


def _rfft(x: Expr, norm: str | None) -> Expr:
    def rule(g: Expr, out: Expr, v: Expr) -> Expr:
        second = lambda h, out, g, v: [_rfft(h, norm), None]  # noqa: E731
        return wf.callback(_RealTransformAdjoint(norm), v.type, g, v, vjp=second, name="rfft")  # type: ignore[no-any-return]

    kind = wf.Type(x.dtype, (*x.shape[:-1], x.shape[-1] // 2 + 1, 2))
    return wf.callback(_RealTransform(norm), kind, x, vjp=rule, name="rfft")  # type: ignore[no-any-return]


def irfft(inp: Any, norm: str | None = None, is_odd: bool = False) -> Any:
    """The inverse of rfft, of an array whose last axis had an even number of elements, or with is_odd an odd one."""
    return wrap(_irfft(_check("irfft", inp, norm, 3), norm, bool(is_odd)))


def _irfft(x: Expr, norm: str | None, odd: bool) -> Expr:
    def rule(g: Expr, out: Expr, v: Expr) -> Expr:
        second = lambda h, out, g: _irfft(h, norm, odd)  # noqa: E731
        return wf.callback(_InverseAdjoint(norm, odd), v.type, g, vjp=second, name="irfft")  # type: ignore[no-any-return]

    kind = wf.Type(x.dtype, (*x.shape[:-2], 2 * (x.shape[-2] - 1) + odd))
    return wf.callback(_Inverse(norm, odd), kind, x, vjp=rule, name="irfft")  # type: ignore[no-any-return]


def _check(name: str, inp: Any, norm: Any, least: int) -> Expr:
    """The array as floats.  Raises ValueError for one of too few axes, and for a norm that there is not."""
    x = floats(inp)
    if norm not in (None, "ortho", "no_norm"):
        raise blame(ValueError(f"{name}: norm is None, 'ortho' or 'no_norm', not {norm!r}."), user_site())
    if x.ndim < least:
        text = f"{name} takes a batch of arrays: at least {least} axes, and this has {x.ndim}."
        raise blame(ValueError(text), user_site(), x.site)
    return x
