"""Ops by their references, or by functions that users have given them for this target."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ...ops.callback import Callback
from ...symbolic.errors import IndexRangeError, blame, sentence
from ...symbolic.evaluate import value_of
from ...symbolic.expr import Expr, Op
from ..target import Key, key_of

KERNELS: dict[Key, Callable[..., None]] = {}  # users'


def run_kernel(
    node: Expr, op: Op, args: Sequence[np.ndarray], outs: Sequence[np.ndarray], sizes: Mapping[str, int]
) -> None:
    """Fill the outputs.  `op` is the node's, with its sizes as numbers."""
    key = key_of(op, KERNELS)
    if key is not None:
        _run_users(KERNELS[key], node, op, args, outs)
        return
    try:
        with np.errstate(all="ignore"):
            found = value_of(node, [a.copy() for a in args], sizes)
    except IndexError as error:
        raise error if isinstance(op, Callback) else _out_of_range(error) from None
    for out, value in zip(outs, found if isinstance(found, tuple) else (found,), strict=True):
        out[...] = value


def _out_of_range(error: IndexError) -> IndexRangeError:
    found = IndexRangeError(sentence(error))
    found.__notes__ = getattr(error, "__notes__", [])
    return found


def _run_users(
    function: Callable[..., None], node: Expr, op: Op, args: Sequence[np.ndarray], outs: Sequence[np.ndarray]
) -> None:
    """A user's function: arguments, which it cannot write, then outputs, then fields of the op by name."""
    for a in args:
        a.flags.writeable = False
    asked = list(inspect.signature(function).parameters)[len(args) + len(outs) :]
    try:
        function(*args, *outs, **{name: getattr(op, name) for name in asked})
    except Exception as error:
        raise blame(error, node.site) from None
