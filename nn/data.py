"""Minibatches: one generator, and what is made of a whole set by functions of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..symbolic.arguments import check_count, check_flag, check_function
from ..symbolic.arrays import as_array
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.trees import Build, flatten
from ..symbolic.types import config


def batches(data: Any, size: int, rng: np.random.Generator | None = None, *, keep_rest: bool = True) -> Iterator[Any]:
    """The examples, `size` at a time: `for x, t in nn.batches((images, labels), 64, rng):` is an epoch.

    Parameters
    ----------
    data : an array whose first axis is that of the examples, or several in a tuple, list or dict, all of one length;
        of any library; what else has a shape, a dtype of NumPy's and takes arrays of indices serves, too: a file
    size : examples in a batch, from 1 up
    rng : shuffles them anew, once for each call; None: they come in their order
    keep_rest : whether the last batch may be smaller; if not, what remains is left out

    Yields
    ------
    batches in the structure of `data`, each array a copy; floats in config.float_dtype, all else in its own dtype

    Raises ArgumentError for what is no array, DTypeError for arrays that hold no numbers, ShapeError for arrays of
    different lengths.
    """
    check_flag("batches", "keep_rest", keep_rest)
    if rng is not None and not isinstance(rng, np.random.Generator | np.random.RandomState):
        text = f"batches: rng is a numpy.random.Generator or None, not {rng!r}."
        hint = "make one, once, for all epochs: np.random.default_rng(seed)."
        raise blame(ArgumentError(text), user_site(), hint=hint)
    return Examples("batches", data).batches(check_count("batches", "size", size, least=1), rng, keep_rest)


def average(f: Callable[..., Any], data: Any, size: int = 500) -> Any:
    """The mean of f over all examples: f(*batch) is a mean over a batch, or several in a list or dict.

    A smaller last batch counts for as much less: `nn.average(test, (images, labels))` is the error of a test set.
    Sums are in float64.

    f : a function of the arrays of a batch, such as a compiled one
    data, size : as `batches` takes them

    Raises ArgumentError where there are no examples, and where f gives no numbers.
    """
    results, lengths, build = _results("average", f, data, size)
    weights = np.array(lengths) / sum(lengths)
    if any(r.dtype.kind not in "biuf" for one in results for r in one):
        raise blame(ArgumentError(f"average: f gives {results[0]!r:.80}, which has no mean."), user_site())
    means = [sum(w * r.astype("float64") for w, r in zip(weights, one, strict=True)) for one in results]
    return build([float(m) if np.ndim(m) == 0 else m for m in means])


def predict(f: Callable[..., Any], data: Any, size: int = 500) -> Any:
    """f of all examples, computed `size` at a time: what it gives for the batches, joined along their first axis.

    f, data, size : as for `average`

    Raises ArgumentError where there are no examples, ShapeError where f does not give a row for each.
    """
    results, lengths, build = _results("predict", f, data, size)
    for r, number in ((r, n) for one in results for r, n in zip(one, lengths, strict=True)):
        if r.ndim == 0 or len(r) != number:
            text = f"predict: f gives an array of shape {r.shape} for {number} examples, and not a row for each."
            raise blame(ShapeError(text), user_site())
    return build([np.concatenate(one) for one in results])


def _results(name: str, f: Any, data: Any, size: Any) -> tuple[list[list[np.ndarray]], list[int], Build]:
    """(for each of its results, what f gives for the batches; their lengths; how results are packed)."""
    examples = Examples(name, data)
    check_function(f"{name}: f", f, None if isinstance(data, dict) else ["an array"] * examples.arguments)
    found, lengths, build = [], [], None
    for batch in examples.batches(check_count(name, "size", size, least=1), None, True):
        leaves, build = flatten(call(f, batch))
        found.append([as_array(f"{name}: what f gives", leaf) for leaf in leaves])
        lengths.append(len(flatten(batch)[0][0]))
    if build is None:
        raise blame(ArgumentError(f"{name}: there are no examples."), user_site())
    return [list(one) for one in zip(*found, strict=True)], lengths, build


def call(f: Callable[..., Any], batch: Any) -> Any:
    """f of a batch: of the arrays in a list or tuple, the names and arrays of a dict, or the one array."""
    if isinstance(batch, dict):
        return f(**batch)
    return f(*batch) if isinstance(batch, list | tuple) else f(batch)


class Examples:
    """Arrays of one length, in a structure.

    length : how many examples they are
    arguments : how many arrays a function of a batch takes
    """

    def __init__(self, name: str, data: Any):
        leaves, self.build = flatten(data)
        self.arrays = [_array(name, leaf) for leaf in leaves]
        lengths = {a.shape[0] for a in self.arrays}
        if not lengths:
            raise blame(ArgumentError(f"{name}: data has no arrays."), user_site())
        if len(lengths) > 1:
            numbers = " and ".join(str(n) for n in sorted(lengths))
            raise blame(ShapeError(f"{name}: the arrays have {numbers} examples, and need as many each."), user_site())
        self.length = int(lengths.pop())
        self.arguments = len(data) if isinstance(data, list | tuple) and len(self.arrays) == len(data) else 1

    def batches(self, size: int, rng: Any, keep_rest: bool) -> Iterator[Any]:
        """The examples, in this order or another."""
        order = None if rng is None else rng.permutation(self.length)
        return self._slices(size, order, keep_rest)

    def _slices(self, size: int, order: Any, keep_rest: bool) -> Iterator[Any]:
        for start in range(0, self.length if keep_rest else self.length - size + 1, size):
            chosen = slice(start, start + size) if order is None else order[start : start + size]
            yield self.build([_copy(a[chosen]) for a in self.arrays])


def _array(name: str, given: Any) -> Any:
    """An array; what lies in a file is taken as it is, to be read a batch at a time."""
    found = given if _is_file(given) else as_array(f"{name}: data", given)
    if len(found.shape) == 0 or found.dtype.kind not in "biufc":
        text = f"{name}: data is arrays of numbers whose first axis is that of the examples, not {given!r:.80}."
        raise blame(ArgumentError(text), user_site())
    return found


def _is_file(given: Any) -> bool:
    """Whether it takes slices and arrays of places as NumPy's arrays do, and is none: a data set of HDF5, for example.

    Tables index by names (`iloc` by places), and what has DLPack is in memory.
    """
    if isinstance(given, Expr | np.ndarray) or hasattr(given, "iloc") or hasattr(given, "__dlpack__"):
        return False
    indexed = hasattr(given, "shape") and hasattr(given, "__getitem__")
    return indexed and isinstance(getattr(given, "dtype", None), np.dtype)


def _copy(part: Any) -> np.ndarray:
    """An array of its own; floats in config.float_dtype."""
    kind = np.dtype(config.float_dtype) if part.dtype.kind == "f" else part.dtype
    return np.array(part, kind)
