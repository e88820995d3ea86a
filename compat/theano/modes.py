"""theano.Mode and its kind: how functions are compiled, of which little matters here; linkers and rules."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np


class Mode:
    """How a function is compiled.  "FAST_COMPILE" leaves out the rewrite rules; the others make no difference."""

    def __init__(self, linker: Any = None, optimizer: Any = "default", **ignored: Any) -> None:
        self.linker, self.optimizer = linker, optimizer

    def including(self, *tags: str) -> Mode:
        """The mode itself: there are no tagged rules."""
        return self

    excluding = including

    def clone(self, **options: Any) -> Mode:
        """The mode itself."""
        return self

    def before(self, function: Any, arrays: Sequence[np.ndarray]) -> None:
        """What the mode does before each call."""


class WatchingMode(Mode):
    """A mode that sees what functions compute, each by a function that computes all of it."""

    def __init__(self, linker: Any = None, optimizer: Any = "default", **ignored: Any) -> None:
        super().__init__(linker, optimizer)
        self.watched: dict[Any, Any] = {}


class Linker:
    """How Theano runs what it has compiled: accepted, and without a meaning here."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.args = args


PerformLinker = CLinker = OpWiseCLinker = VMLinker = DualLinker = VM_Linker = Linker


class WrapLinkerMany(Linker):
    """A linker that calls each of the wrappers as wrapper(place, node, thunk) for all applications."""

    def __init__(self, linkers: Sequence[Any], wrappers: Sequence[Any]) -> None:
        super().__init__(linkers)
        self.wrappers = list(wrappers)


class WrapLinker(WrapLinkerMany):
    """WrapLinkerMany with one wrapper."""

    def __init__(self, linkers: Sequence[Any], wrapper: Any) -> None:
        super().__init__(linkers, [wrapper])


class OptimizationRule:
    """A rule for Theano's optimiser: accepted, and never applied, since weft has rules of its own."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.args = args


OpRemove = OpSub = PatternSub = OptimizationRule


class ProfileMode(Mode):
    """A mode that Theano printed profiles in: use f.compiled.profile."""

    def __init__(self, *args: Any, **options: Any) -> None:
        warnings.warn("ProfileMode is accepted; weft's profiles are f.compiled.profile(*args).", stacklevel=2)
        super().__init__()
