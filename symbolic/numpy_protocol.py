"""NumPy's functions on expressions: np.exp(x) is wf.exp(x), np.concatenate([x, y]) is wf.concatenate([x, y]).

Which functions there are is bound by those who show them: the façade, and the one of Theano's names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import ArgumentError, WeftError, blame, user_site

_OF_AN_ARRAY = ("shape", "ndim", "size")
_functions: dict[str, Callable[[str], Any]] = {}


def bind(module: str, function_named: Callable[[str], Any]) -> None:
    """Say which functions a module has: the one of a name, None where there is none."""
    _functions[module] = function_named


class NumPyProtocol:
    """What NumPy asks an object that is handed to its functions.

    The function of the same name is called, from the module that `_functions_module` says.  Raises ArgumentError where
    there is none, or where it has not the option, and where an expression should become an array.
    """

    __slots__ = ()
    __array_priority__ = 1000
    __pandas_priority__ = 5000  # above that of tables, 4000: `series + x` is left to x
    _functions_module = "weft"
    _other_names: Mapping[str, str] = {}  # of functions that the module calls otherwise

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__":
            hint = "use the function that reduces: sum for np.add.reduce, prod, cumsum, max ..."
            raise _refusal(f"np.{ufunc.__name__}.{method} is not for expressions.", hint)
        if options.get("out") is not None:
            text = f"np.{ufunc.__name__} cannot write an expression into an array, as with += or out=."
            raise _refusal(text, "write a = a + x instead of a += x: it makes an expression.")
        return self._call(ufunc.__name__, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
        name = function.__name__
        if name in _OF_AN_ARRAY and len(args) == 1 and args[0] is self:
            return getattr(self, name)
        return self._call(name, args, options)

    def __array__(self, *args: Any, **options: Any) -> Any:
        name = getattr(self, "name", None)
        text = f"{name or 'This'} is an expression, which has no numbers before it is computed: it is no array."
        hint = "compute it with x.eval({input: value}) or weft.function, or hand it to weft's functions as it is."
        raise blame(ArgumentError(text), user_site(), hint=hint)

    def _call(self, name: str, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """The module's function of this name, of these."""
        where = self._functions_module
        ours = self._other_names.get(name, name)
        function = _functions[where](ours)
        if not callable(function):
            raise _refusal(f"np.{name} is not for expressions: {where} has no {ours}.", "")
        try:
            return function(*args, **options)
        except TypeError as error:
            if "argument" not in str(error) or isinstance(error, WeftError):
                raise
            text = f"np.{name} of an expression is {where}.{ours}, which takes other arguments: {error}."
            raise _refusal(text, f"see help({where}.{ours}).") from None


def _refusal(text: str, hint: str) -> Exception:
    return blame(ArgumentError(text), user_site(), hint=hint)
