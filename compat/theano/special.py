"""The gamma function, Bessel's functions and their kind, computed by SciPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import weft as wf

from ...ops.elementwise import broadcast, unbroadcast
from ...ops.elementwise import cast as weft_cast
from ...symbolic.errors import GradientError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.records import record
from .convert import floats
from .elementwise import make_elemwise
from .scalar_ops import BinaryScalarOp, ScalarOp, UnaryScalarOp


@record
class _OfSciPy:
    """A function of scipy.special, on arrays."""

    name: str
    dtype: str

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        import scipy.special

        with np.errstate(all="ignore"):
            found = getattr(scipy.special, self.name)(*[a.astype("float64") for a in arrays])
        return np.asarray(found, self.dtype)


def _function(scipy_name: str, derivatives: Callable[..., Sequence[Any]] | None) -> Callable[..., Expr]:
    """A function of scipy.special of expressions, with its derivative for each argument."""

    def call(*values: Expr) -> Expr:
        _check_scipy(scipy_name)
        nodes = [floats(v) for v in values]
        dtype = np.result_type(*[n.dtype for n in nodes])
        kind = wf.Type(dtype, broadcast(scipy_name, [n.shape for n in nodes]))

        def rule(g: Expr, out: Expr, *args: Expr) -> list[Any]:
            slopes = derivatives(*args) if derivatives is not None else [None for _ in args]
            return [_along(scipy_name, g, slope, x) for slope, x in zip(slopes, args, strict=True)]

        return wf.callback(_OfSciPy(scipy_name, dtype.name), kind, *nodes, vjp=rule, name=scipy_name)  # type: ignore[no-any-return]

    return call


def _along(name: str, g: Expr, slope: Any, x: Expr) -> Any:
    if slope is not None:
        return lambda: unbroadcast(weft_cast(g * slope(), x.dtype), x)

    def missing() -> Expr:
        text = f"{name} has no derivative for this argument."
        raise blame(GradientError(text), user_site(), x.site, hint="use theano.gradient.disconnected_grad.")

    return missing


def _check_scipy(name: str) -> None:
    try:
        import scipy.special  # noqa: F401
    except ImportError:
        text = f"{name} is computed by SciPy, which is not installed."
        raise blame(ImportError(text), user_site(), hint="pip install scipy.") from None


_gammaln = _function("gammaln", lambda x: [lambda: _psi(x)])
_psi = _function("psi", lambda x: [lambda: _polygamma(wf.ones_like(x), x)])
_polygamma = _function("polygamma", lambda n, x: [None, lambda: _polygamma(n + 1, x)])
_gamma = _function("gamma", lambda x: [lambda: _gamma(x) * _psi(x)])
_gammainc = _function("gammainc", lambda k, x: [None, lambda: _density(k, x)])
_gammaincc = _function("gammaincc", lambda k, x: [None, lambda: -_density(k, x)])
_iv = _function("iv", lambda v, x: [None, lambda: 0.5 * (_iv(v - 1, x) + _iv(v + 1, x))])
_jv = _function("jv", lambda v, x: [None, lambda: 0.5 * (_jv(v - 1, x) - _jv(v + 1, x))])
_i0 = _function("i0", lambda x: [lambda: _i1(x)])
_i1 = _function("i1", lambda x: [lambda: 0.5 * (_i0(x) + _iv(wf.full_like(x, 2.0), x))])
_j0 = _function("j0", lambda x: [lambda: -_j1(x)])
_j1 = _function("j1", lambda x: [lambda: 0.5 * (_j0(x) - _jv(wf.full_like(x, 2.0), x))])
_erfcx = _function("erfcx", lambda x: [lambda: 2.0 * x * _erfcx(x) - 2.0 / math.sqrt(math.pi)])
_erfcinv = _function("erfcinv", lambda x: [lambda: -0.5 * math.sqrt(math.pi) * wf.exp(wf.square(_erfcinv(x)))])


def _density(k: Expr, x: Expr) -> Expr:
    """The density of the gamma distribution."""
    return wf.exp((k - 1.0) * wf.log(x) - x - _gammaln(k))


_ROWS: tuple[tuple[str, str, Callable[..., Expr], type[ScalarOp]], ...] = (
    ("GammaLn", "gammaln", _gammaln, UnaryScalarOp), ("Psi", "psi", _psi, UnaryScalarOp),
    ("TriGamma", "tri_gamma", lambda x: _polygamma(wf.ones_like(x), x), UnaryScalarOp),
    ("Gamma", "gamma", _gamma, UnaryScalarOp), ("GammaInc", "gammainc", _gammainc, BinaryScalarOp),
    ("GammaIncC", "gammaincc", _gammaincc, BinaryScalarOp), ("I0", "i0", _i0, UnaryScalarOp),
    ("I1", "i1", _i1, UnaryScalarOp), ("Iv", "iv", _iv, BinaryScalarOp), ("J0", "j0", _j0, UnaryScalarOp),
    ("J1", "j1", _j1, UnaryScalarOp), ("Jv", "jv", _jv, BinaryScalarOp), ("Erfcx", "erfcx", _erfcx, UnaryScalarOp),
    ("PolyGamma", "polygamma", _polygamma, BinaryScalarOp), ("Erfcinv", "erfcinv", _erfcinv, UnaryScalarOp),
)  # fmt: skip

for _class_name, _name, _made, _base in _ROWS:
    globals()[_class_name], globals()[_name] = make_elemwise(_class_name, _name, _made, _base)
