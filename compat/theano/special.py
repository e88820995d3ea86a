"""The gamma function, Bessel's functions and their kind, as Theano names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import weft as wf

from ...ops import special
from ...symbolic.expr import Expr
from .convert import floats
from .elementwise import make_elemwise
from .scalar_ops import BinaryScalarOp, UnaryScalarOp


def _of(function: Callable[..., Expr]) -> Callable[..., Expr]:
    """The function of values of Theano's: whole numbers become float64."""
    return lambda *values: function(*map(floats, values))


def _tri_gamma(x: Any) -> Expr:
    node = floats(x)
    return special.polygamma(wf.ones_like(node), node)


_OF_ONE = {
    "GammaLn": "gammaln",
    "Psi": "psi",
    "TriGamma": "tri_gamma",
    "Gamma": "gamma",
    "I0": "i0",
    "I1": "i1",
    "J0": "j0",
    "J1": "j1",
    "Erfcx": "erfcx",
    "Erfcinv": "erfcinv",
}
_OF_TWO = {"GammaInc": "gammainc", "GammaIncC": "gammaincc", "Iv": "iv", "Jv": "jv", "PolyGamma": "polygamma"}

for _names, _base in ((_OF_ONE, UnaryScalarOp), (_OF_TWO, BinaryScalarOp)):
    for _class_name, _name in _names.items():
        _made = _tri_gamma if _name == "tri_gamma" else _of(getattr(special, _name))
        globals()[_class_name], globals()[_name] = make_elemwise(_class_name, _name, _made, _base)
