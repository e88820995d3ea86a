"""What functions give that have several results: a tuple, which is refused where one value is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..symbolic.errors import ArgumentError, blame, listing, user_site
from ..symbolic.expr import Expr
from ..symbolic.types import OneNeededError


class Several(tuple[Any, ...]):
    """The results of `function`, in a tuple.  Arithmetic and an expression's methods raise ArgumentError."""

    function: str
    names: tuple[str, ...]

    def __new__(cls, results: Iterable[Any], function: str = "this", names: Iterable[str] = ()) -> Several:
        made = super().__new__(cls, results)
        made.function, made.names = function, tuple(names)
        return made

    def refusal(self) -> ArgumentError:
        """The error for a use as one value."""
        names = self.names or tuple(f"result{i}" for i in range(len(self)))
        text = f"{self.function} gives {len(self)} results, {listing(names)}, and one value is wanted here."
        hint = f"take them apart: {', '.join(names)} = {self.function}(...)."
        return blame(OneNeededError(text), user_site(), hint=hint)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(Expr, name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        raise self.refusal()

    def __add__(self, other: Any) -> Any:
        if isinstance(other, tuple):
            return tuple(self) + other
        raise self.refusal()

    def __radd__(self, other: Any) -> Any:
        raise self.refusal()


def _refuses(self: Several, *_: Any) -> Any:
    raise self.refusal()


for _name in ("sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    setattr(Several, f"__{_name}__", _refuses)
    setattr(Several, f"__r{_name}__", _refuses)
for _name in ("neg", "pos", "abs"):
    setattr(Several, f"__{_name}__", _refuses)
del _name
