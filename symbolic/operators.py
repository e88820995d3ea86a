"""`x + y`, `x @ w`, `x[1:]`, `x.sum(axis=1)`: what can be written on an expression.

The graph knows no particular op, so the functions are bound once, by `ops/__init__.py`, under the names used here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Number
from typing import Any, Protocol, Self, TypeVar, cast

import numpy as np

from .arrays import is_foreign_array
from .dims import SymDim
from .errors import give_name
from .numpy_protocol import NumPyProtocol

S = TypeVar("S")  # what the operators are for, and give: expressions

_functions: dict[str, Callable[..., Any]] = {}


def bind(functions: Mapping[str, Callable[..., Any]]) -> None:
    """Give the operators their meaning."""
    _functions.update(functions)


def function(name: str) -> Callable[..., Any]:
    """The bound function of that name, for the parts of symbolic/ that write expressions themselves."""
    return _functions[name]


class _Method(Protocol):
    """A method of expressions that returns one."""

    def __get__(self, instance: S, owner: Any = None) -> Callable[..., S]: ...


def _binary(name: str) -> Callable[[S, Any], S]:
    def operator(self: Any, other: Any) -> Any:
        return _functions[name](self, other)

    return give_name(operator, name)


def _comparison(name: str) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        ours = isinstance(other, Operators | SymDim | Number | np.ndarray | np.generic | list | tuple)
        if ours or is_foreign_array(other):
            return _functions[name](self, other)
        return NotImplemented  # no value, as None: never equal

    return give_name(operator, name)


def _reflect(name: str) -> Callable[[S, Any], S]:
    def operator(self: Any, other: Any) -> Any:
        return _functions[name](other, self)

    return give_name(operator, name)


def _method(name: str) -> _Method:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        return _functions[name](self, *args, **options)

    method.__doc__ = f"`wf.{name}` of this expression."
    return cast(_Method, give_name(method, name))


class Operators(NumPyProtocol):
    """Python's operators and NumPy's methods on expressions.  `==` compares elements; `is` asks for the same node."""

    __slots__ = ()

    __add__, __radd__ = _binary("add"), _reflect("add")
    __sub__, __rsub__ = _binary("sub"), _reflect("sub")
    __mul__, __rmul__ = _binary("mul"), _reflect("mul")
    __truediv__, __rtruediv__ = _binary("div"), _reflect("div")
    __floordiv__, __rfloordiv__ = _binary("floor_divide"), _reflect("floor_divide")
    __mod__, __rmod__ = _binary("mod"), _reflect("mod")
    __pow__, __rpow__ = _binary("pow"), _reflect("pow")
    __matmul__, __rmatmul__ = _binary("matmul"), _reflect("matmul")
    __and__, __rand__ = _binary("bitwise_and"), _reflect("bitwise_and")
    __or__, __ror__ = _binary("bitwise_or"), _reflect("bitwise_or")
    __xor__, __rxor__ = _binary("bitwise_xor"), _reflect("bitwise_xor")
    __lshift__, __rlshift__ = _binary("left_shift"), _reflect("left_shift")
    __rshift__, __rrshift__ = _binary("right_shift"), _reflect("right_shift")
    __lt__, __le__ = _binary("lt"), _binary("le")
    __gt__, __ge__ = _binary("gt"), _binary("ge")
    __eq__, __ne__ = _comparison("eq"), _comparison("ne")
    __hash__ = object.__hash__  # nodes are told apart by what they are, in sets and dictionaries too

    def __getitem__(self, key: Any) -> Self:
        return _functions["getitem"](self, key)  # type: ignore[no-any-return]

    __neg__, __pos__ = _method("neg"), _method("positive")
    __abs__, __invert__ = _method("abs"), _method("invert")
    __round__ = _method("round")

    sum, mean, prod = _method("sum"), _method("mean"), _method("prod")
    max, min = _method("max"), _method("min")
    argmax, argmin = _method("argmax"), _method("argmin")
    any, all = _method("any"), _method("all")
    var, std = _method("var"), _method("std")
    reshape, transpose, squeeze = _method("reshape"), _method("transpose"), _method("squeeze")
    ravel, flatten, swapaxes = _method("ravel"), _method("flatten"), _method("swapaxes")
    astype, clip, dot = _method("astype"), _method("clip"), _method("dot")
    cumprod, argsort = _method("cumprod"), _method("argsort")
    cumsum, take, repeat, round = _method("cumsum"), _method("take"), _method("repeat"), _method("round")
    get_value: Any = _method("get_value")
    set_value: Any = _method("set_value")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The value of a shared variable, as `np.asarray(w)` asks for it; symbolic/exports.py."""
        return _functions["to_numpy"](self, dtype, copy)  # type: ignore[no-any-return]

    def __dlpack__(self, **options: Any) -> Any:
        """The array of a shared variable in a capsule, as `from_dlpack(w)` asks for it; symbolic/exports.py."""
        return _functions["to_dlpack"](self, **options)

    def __dlpack_device__(self) -> tuple[int, int]:
        """The device of a shared variable's array: the host."""
        return _functions["dlpack_device"](self)  # type: ignore[no-any-return]

    def _repr_latex_(self) -> str | None:
        """The formula, as notebooks show it where it is small."""
        return _functions["write_in_notebook"](self)  # type: ignore[no-any-return]

    def _repr_svg_(self) -> str | None:
        """The graph, as notebooks draw it where it is larger."""
        return _functions["draw_in_notebook"](self)  # type: ignore[no-any-return]

    def _repr_html_(self) -> str | None:
        """The graph, as notebooks list it where they do neither."""
        return _functions["list_in_notebook"](self)  # type: ignore[no-any-return]

    @property
    def T(self) -> Self:  # noqa: N802 - NumPy's name
        """The axes in reverse order."""
        return _functions["transpose"](self)  # type: ignore[no-any-return]

    @property
    def size(self) -> Any:
        """The number of elements."""
        return self.type.size  # type: ignore[attr-defined]
