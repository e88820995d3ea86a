"""The gamma function, Bessel's functions and their kind, computed by SciPy on the host, with their derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..symbolic.errors import GradientError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.records import record
from ..symbolic.types import Type, float_like, promote
from . import scalar
from .callback import Callback, callback
from .coerce import as_expr
from .creation import full_like, ones_like
from .elementwise import broadcast, cast, unbroadcast

Slope = Callable[[], Expr]
Derivatives = Callable[..., Sequence[Slope | None]]
Special = Callable[..., Expr]


@record
class OfSciPy:
    """A function of scipy.special on arrays; of complex results the real part."""

    name: str
    dtype: str

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        import scipy.special

        with np.errstate(all="ignore"):
            found = getattr(scipy.special, self.name)(*[a.astype("float64") for a in arrays])
        return np.asarray(np.real(found), self.dtype)


def special(name: str, derivatives: Derivatives | None = None) -> Special:
    """The function of scipy.special of that name, over every element of arguments that broadcast.

    `derivatives(*args)` gives a function for the slope along each argument, None where there is none.
    """

    def function(*values: Any) -> Expr:
        check_scipy(name)
        given = [as_expr(v) for v in values]
        dtype = float_like(promote(*[n.type for n in given]))
        nodes = [cast(n, dtype) for n in given]
        kind = Type(dtype, broadcast(name, [n.shape for n in nodes]))

        def rule(g: Expr, out: Expr, *args: Expr) -> list[Any]:
            slopes = derivatives(*args) if derivatives is not None else [None for _ in args]
            return [_along(name, g, slope, x) for slope, x in zip(slopes, args, strict=True)]

        found: Expr = callback(OfSciPy(name, dtype.name), kind, *nodes, vjp=rule, name=name)
        return found

    function.__name__ = function.__qualname__ = name
    return function


def scipy_name(node: Expr) -> str | None:
    """The name of the function of scipy.special that a node is, or None."""
    op = node.op
    return op.function.name if isinstance(op, Callback) and isinstance(op.function, OfSciPy) else None


def _along(name: str, g: Expr, slope: Slope | None, x: Expr) -> Any:
    if slope is not None:
        return lambda: unbroadcast(cast(g * slope(), x.dtype), x)

    def missing() -> Expr:
        text = f"{name} has no derivative for this argument."
        raise blame(GradientError(text), user_site(), x.site, hint="use stop_gradient.")

    return missing


def check_scipy(name: str) -> None:
    """Raise ImportError, which says what to install, unless SciPy is there."""
    try:
        import scipy.special  # noqa: F401
    except ImportError:
        text = f"{name} is computed by SciPy, which is not installed."
        raise blame(ImportError(text), user_site(), hint="pip install scipy.") from None


gammaln: Special = special("gammaln", lambda x: [lambda: psi(x)])
psi: Special = special("psi", lambda x: [lambda: polygamma(ones_like(x), x)])
polygamma: Special = special("polygamma", lambda n, x: [None, lambda: polygamma(n + 1, x)])
gamma: Special = special("gamma", lambda x: [lambda: gamma(x) * psi(x)])
gammainc: Special = special("gammainc", lambda k, x: [None, lambda: _density(k, x)])
gammaincc: Special = special("gammaincc", lambda k, x: [None, lambda: -_density(k, x)])
beta: Special = special(
    "beta", lambda a, b: [lambda: beta(a, b) * (psi(a) - psi(a + b)), lambda: beta(a, b) * (psi(b) - psi(a + b))]
)
binom: Special = special(
    "binom",
    lambda n, k: [
        lambda: binom(n, k) * (psi(n + 1.0) - psi(n - k + 1.0)),
        lambda: binom(n, k) * (psi(n - k + 1.0) - psi(k + 1.0)),
    ],
)
zeta: Special = special("zeta")
jv: Special = special("jv", lambda v, x: [None, lambda: 0.5 * (jv(v - 1, x) - jv(v + 1, x))])
yv: Special = special("yv", lambda v, x: [None, lambda: 0.5 * (yv(v - 1, x) - yv(v + 1, x))])
iv: Special = special("iv", lambda v, x: [None, lambda: 0.5 * (iv(v - 1, x) + iv(v + 1, x))])
kv: Special = special("kv", lambda v, x: [None, lambda: -0.5 * (kv(v - 1, x) + kv(v + 1, x))])
j0: Special = special("j0", lambda x: [lambda: -j1(x)])
j1: Special = special("j1", lambda x: [lambda: 0.5 * (j0(x) - jv(full_like(x, 2.0), x))])
i0: Special = special("i0", lambda x: [lambda: i1(x)])
i1: Special = special("i1", lambda x: [lambda: 0.5 * (i0(x) + iv(full_like(x, 2.0), x))])
erfcx: Special = special("erfcx", lambda x: [lambda: 2.0 * x * erfcx(x) - 2.0 / math.sqrt(math.pi)])
erfcinv: Special = special(
    "erfcinv", lambda x: [lambda: -0.5 * math.sqrt(math.pi) * scalar.exp(scalar.square(erfcinv(x)))]
)
erfi: Special = special("erfi", lambda x: [lambda: (2.0 / math.sqrt(math.pi)) * scalar.exp(scalar.square(x))])
expi: Special = special("expi", lambda x: [lambda: scalar.exp(x) / x])
lambertw: Special = special("lambertw", lambda x: [lambda: 1.0 / (x + scalar.exp(lambertw(x)))])


def _density(k: Expr, x: Expr) -> Expr:
    """The density of the gamma distribution."""
    return scalar.exp((k - 1.0) * scalar.log(x) - x - gammaln(k))
