"""What is known of a value before it is computed: its dtype and its shape; and how dtypes meet."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from .cores import MOST, default_threads
from .dims import Dim, Shape, SymDim, product, show
from .errors import ArgumentError, DTypeError, blame, user_site

DType = np.dtype

BOOL = np.dtype("bool")
INT64 = np.dtype("int64")
FLOAT16 = np.dtype("float16")
FLOAT32 = np.dtype("float32")
FLOAT64 = np.dtype("float64")
INTEGERS = tuple(np.dtype(f"{kind}{bits}") for kind in ("int", "uint") for bits in (8, 16, 32, 64))
SUPPORTED = frozenset((BOOL, FLOAT16, FLOAT32, FLOAT64, *INTEGERS))
_SAME = {kind: kind for kind in SUPPORTED}  # of equal ones the object that arrays of NumPy share


class Config:
    """Settings: `wf.config.float_dtype`; `with wf.config(float_dtype="float64"): ...` for a while."""

    __slots__ = ("_float_dtype", "_threads", "debug")

    def __init__(self) -> None:
        self._float_dtype = FLOAT32
        self._threads: int | None = None
        self.debug = False

    @property
    def threads(self) -> int:
        """How many threads a function that is compiled now uses.

        If nobody has set it: WEFT_NUM_THREADS, or OMP_NUM_THREADS, or one for each core that this process may use.
        """
        return self._threads or default_threads()

    @threads.setter
    def threads(self, count: int | None) -> None:
        if count is not None and (type(count) is not int or not 1 <= count <= MOST):
            raise ArgumentError(f"config.threads must be a number from 1 to {MOST}, or None, not {count!r}.")
        self._threads = count

    @property
    def float_dtype(self) -> str:
        """The dtype of inputs and constants that name none."""
        return self._float_dtype.name

    @float_dtype.setter
    def float_dtype(self, name: Any) -> None:
        found = dtype(name)
        if found not in (FLOAT32, FLOAT64):
            raise DTypeError(f"config.float_dtype must be 'float32' or 'float64', not {found.name!r}.")
        self._float_dtype = found

    @contextmanager
    def __call__(self, **settings: Any) -> Iterator["Config"]:
        before = {name: getattr(self, name) for name in settings}
        for name, setting in settings.items():
            setattr(self, name, setting)
        try:
            yield self
        finally:
            for name, setting in before.items():
                setattr(self, name, setting)


config = Config()


def dtype(name: Any) -> DType:
    """The dtype of that name (None: the configured float).  Raises DTypeError for one weft does not have."""
    if name is None:
        return config._float_dtype
    if isinstance(name, np.dtype) and name in _SAME:
        return _SAME[name]
    try:
        found: DType = np.dtype(name).newbyteorder("=")
    except Exception:  # of what is none, NumPy raises errors of several kinds
        raise blame(DTypeError(f"{name!r} is not a dtype."), user_site()) from None
    if found not in SUPPORTED:
        text = (
            f"dtype {found.name} is not supported; weft has bool, int8 .. int64, uint8 .. uint64, float16 .. float64."
        )
        raise blame(DTypeError(text), user_site())
    return _SAME[found]


def cast_with_losses(array: np.ndarray, kind: DType) -> tuple[np.ndarray, np.ndarray]:
    """The array in a dtype, and where its numbers become other ones there, or infinite; floats may lose digits."""
    with np.errstate(all="ignore"):
        found = array.astype(kind)
        return found, np.isfinite(array) & ~np.isfinite(found) if kind.kind == "f" else found != array


_types: WeakValueDictionary[tuple[DType, Shape, bool], "Type"] = WeakValueDictionary()
types_lock = threading.RLock()


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False, init=False)
class Type:
    """dtype and shape; equal types are the same object.  Raises DTypeError for a dtype that is not supported.

    `weak`: made from a Python number, so that it takes the dtype of what it meets.
    """

    dtype: DType
    shape: Shape
    weak: bool = False
    holds: bool = field(init=False, repr=False)  # whether a size stands for the value of an expression, which it keeps

    def __new__(cls, dtype: Any, shape: Iterable[Dim], weak: bool = False) -> "Type":
        with types_lock:
            key = (dtype if isinstance(dtype, np.dtype) else _to_dtype(dtype), tuple(shape), weak)
            found = _types.get(key)
            if found is None:
                found = _types[key] = object.__new__(cls)
                values = (*key, any(map(_holds, key[1])))
                for name, value in zip(("dtype", "shape", "weak", "holds"), values, strict=True):
                    object.__setattr__(found, name, value)
            return found

    def __reduce__(self) -> Any:
        return Type, (self.dtype, self.shape, self.weak)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Any:
        """The number of elements."""
        return product(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether derivatives can flow through values of this type."""
        return self.dtype.kind == "f"

    @property
    def is_static(self) -> bool:
        """Whether all sizes are known."""
        return not any(isinstance(d, SymDim) for d in self.shape)

    def __str__(self) -> str:
        return f"{self.dtype.name}{show(self.shape)}" + (" weak" if self.weak else "")


def _to_dtype(given: Any) -> DType:
    return dtype(given)  # which a parameter of the same name hides


def _holds(dim: Dim) -> bool:
    return isinstance(dim, SymDim) and any(hasattr(source, "op") for source in dim.sources.values())


class OneNeededError(ArgumentError, AttributeError):
    """Several values where one is needed: to `hasattr` and `getattr`, an attribute that is missing.

    To users it is an ArgumentError, and so it is called.
    """

    def __reduce__(self) -> Any:
        return ArgumentError, self.args


OneNeededError.__name__ = OneNeededError.__qualname__ = ArgumentError.__name__
OneNeededError.__module__ = ArgumentError.__module__
_OF_ONE = frozenset(("dtype", "shape", "ndim", "size", "weak", "is_float", "is_static"))


@dataclass(frozen=True, slots=True)
class TupleType:
    """The type of an op with several outputs; `Item(i)` reads one of them."""

    items: tuple[Type, ...]

    @property
    def holds(self) -> bool:
        """Whether a size of one of them stands for the value of an expression."""
        return any(of.holds for of in self.items)

    def __getattr__(self, name: str) -> Any:
        """Raise ArgumentError for what only one value has: its dtype, its shape."""
        if name not in _OF_ONE:
            raise AttributeError(f"a TupleType has no {name}")
        text = f"This has {len(self.items)} values, of types {self}, and one is needed."
        raise blame(OneNeededError(text), user_site(), hint="take them apart: a, *others = wf.items(node).")

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))})"


def promote(*types: Type) -> DType:
    """NumPy's promotion, where Python numbers are weak: float32 and 2.0 -> float32; int32 and 2.0 -> float."""
    strong = tuple([t.dtype for t in types if not t.weak])
    weak = tuple([t.dtype for t in types if t.weak])
    return _promote(strong, weak, config._float_dtype)


@lru_cache(maxsize=1024)
def _promote(strong: tuple[DType, ...], weak: tuple[DType, ...], configured: DType) -> DType:
    if not strong:
        return np.result_type(*weak)
    result = np.result_type(*strong)
    for kind in weak:
        if _rank(kind) > _rank(result):
            result = configured if kind.kind == "f" else np.result_type(result, kind)
    return result


def _rank(kind: DType) -> int:
    return "bif".index(kind.kind.replace("u", "i"))


@lru_cache(maxsize=64)
def float_like(found: DType) -> DType:
    """The dtype of exp and its kind for arguments of this dtype: NumPy's, but that small integers give float32."""
    return found if found.kind == "f" else np.result_type(found, FLOAT32)
