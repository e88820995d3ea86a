"""A target: a kind of machine, or a way, to run programs on.  Each has a folder, which is imported when it is used.

The shared compiler asks a target few things: what it has kernels for, how far fusion pays there, and to make a function
of a program.  Nothing else of codegen/ knows which target it compiles for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..ops.elementwise import Elementwise, Scalar
from ..symbolic.errors import ArgumentError, LoweringError, blame, listing, user_site
from ..symbolic.expr import Expr, Op
from ..symbolic.graph import Graph
from ..symbolic.rules import RuleSet
from ..symbolic.types import config

TARGETS = {
    "cpu": "CPU",
    "cuda": "CUDA",
    "reference": "REFERENCE",
}  # the folder of each, and the name of its Target there

Key = type[Op] | Scalar  # what kernels are found by: the class of an op, or the function of an elementwise one
F = TypeVar("F", bound=Callable[..., Any])
Form = Callable[[list[np.ndarray]], Any]  # packs the results of a call as the outputs were given


class Options(NamedTuple):
    """How a function was asked for: see `function`."""

    name: str
    optimize: int = 2
    downcast: bool = False
    refused: tuple[str, ...] = ()  # "nan", "inf": what no result may hold
    rules: RuleSet | None = None
    threads: int | None = None
    stays: bool = False  # whether results stay on the device
    precision: str = "float32"
    max_memory: int | None = None  # bytes of results and temporaries of a call, at most
    float_dtype: str = "float32"  # what was configured: the types of some nodes come from it


class Source(NamedTuple):
    """What a function computes, as the user wrote it, and the form of its calls."""

    graph: Graph
    keywords: tuple[str, ...] | None  # the names of arguments, where inputs were given as a dict
    form: Form | None  # how results are packed; None: there is a single one
    options: Options


class FusionLimits(NamedTuple):
    """How far fusion pays on a machine: numbers that were measured there."""

    buffers: int  # that one nest may read and write
    recomputed: int  # the work, in operations, that is done again rather than stored, at most
    expensive: int  # the work of a function that takes many instructions, in operations
    chunks: int  # parts of a long reduction: a fixed number, so that results do not depend on the number of threads
    few_results: int  # reductions to more results than this are shared among threads as they are
    few_columns: int  # the same where the innermost axis is not reduced, for each of `few_results`
    long: int  # elements, from which on a reduction is long


class Target(ABC):
    """What the shared compiler asks of a target."""

    name: str
    fusion: FusionLimits
    keeps_results = False  # whether results may stay in memory of its own

    def at(self, which: str) -> Target:
        """The target of which a name says more behind a colon: of several machines of the kind, one."""
        raise LoweringError(f"The target {self.name!r} has no {which!r}: it is one machine.")

    @abstractmethod
    def has_kernel(self, op: Op) -> bool:
        """Whether it runs an op of this kind by a kernel of its own."""

    @abstractmethod
    def register(self, key: Key, function: Callable[..., None]) -> None:
        """Run ops of this kind by a user's kernel from now on."""

    @abstractmethod
    def compile(self, source: Source) -> Callable[..., Any]:
        """A Function (function.py) that runs here."""

    @abstractmethod
    def report(self) -> Iterable[str]:
        """What `doctor` says of the machine, in lines; what is missing, and how to mend it."""

    def report_call(self, function: Any) -> Iterable[str]:
        """What `doctor` says of a call of one of its functions: where each step runs, and what is copied where."""
        text = function.plan_text()
        return text.splitlines() if text else ["there was no call yet, which would say how large things are"]


class Lowering(Enum):
    """How a node gets computed."""

    KERNEL = "kernel"  # by itself, by a kernel of the target
    CONTROL = "control"  # its bodies run as programs do
    NEST = "nest"  # inside of a loop nest, which every target emits


def lowering_of(op: Op, target: Target) -> Lowering | None:
    """How the target computes an op; None: not at all, unless the op has an expansion.

    Kernels come first, so that one that a user gives to any op is called.
    """
    if target.has_kernel(op):
        return Lowering.KERNEL
    if op.bodies:
        return Lowering.CONTROL
    return Lowering.NEST if op.in_nests else None


def key_of(op: Op, kernels: Mapping[Key, object]) -> Key | None:
    """What the kernel of an op is found by; None where there is none."""
    if isinstance(op, Elementwise) and op.function in kernels:
        return op.function
    return type(op) if type(op) in kernels else None


def target_of(name: object) -> Target:
    """The target of that name.  Raises LoweringError where there is none."""
    kind, _, which = name.partition(":") if isinstance(name, str) else ("", "", "")
    if kind not in TARGETS:
        error = LoweringError(f"There is no target {name!r}; there are {listing([repr(t) for t in TARGETS])}.")
        raise blame(error, user_site())
    found: Target = getattr(import_module(f".{kind}", __package__), TARGETS[kind])
    try:
        return found.at(which) if which else found
    except LoweringError as error:
        raise blame(error, user_site()) from None


def compile_source(target: str, source: Source) -> Callable[..., Any]:
    """The function that computes a graph on a target: what pickles and files of functions are made of."""
    with config(float_dtype=source.options.float_dtype):
        return target_of(target).compile(source)


def no_kernel(node: Expr, target: Target) -> LoweringError:
    """The error for an op that a target cannot run."""
    kind = type(node.op).__name__
    error = LoweringError(f"{kind} has no kernel for the target {target.name!r}.")
    ways = f'give it one with @wf.kernel({kind}, "{target.name}"), or an `expand` method in terms of other ops'
    other = '; target="reference" runs its `numpy`' if type(node.op).numpy is not Op.numpy else ""
    return blame(error, node.site, *[a.site for a in node.args], hint=f"{ways}{other}.")


def kernel(op: Key, target: str = "cpu") -> Callable[[F], F]:
    """Give an op a kernel on a target: a function that reads its arguments and fills its outputs.

        @wf.kernel(CumSum, "cpu")
        def cumsum_rows(x, out): ...

    Parameters
    ----------
    op : a class of ops, weft's or your own: all ops of that class are run by the kernel, also those that weft would
        compute inside of its loops; or a function made with `wf.elementwise`, for ops that apply it
    target : "cpu": the function is compiled by Numba; "reference": it runs in Python; "cuda": it is traced, with a
        builder before its arguments (docs/cuda.md), or is one that `numba.cuda.jit` has decorated

    The function gets one array for each argument of the op, which it cannot write, then one for each output, in C
    order or with strides as they come; parameters that follow are taken from the op's fields of the same names.  The
    arguments of an elementwise function are stretched to the shape of the result.  It runs on one thread.  An
    exception in it keeps its type and text, and gets the lines of the kernel and of the node.

    Numba checks no indices: functions that are compiled under `wf.config(debug=True)` check them, and compare the
    kernel's results with the op's `numpy` at every call.

    Raises ArgumentError for what is no op; LoweringError for a target that is none, and, with Numba's text, when a
    function that needs the kernel is first called, if Numba does not compile it; VerifyError in debug mode, where the
    results are not those of the reference.
    """
    if not (isinstance(op, Scalar) or (isinstance(op, type) and issubclass(op, Op))):
        text = f"kernel takes a class of ops or an elementwise function, not {op!r}."
        raise blame(ArgumentError(text), user_site())
    chosen = target_of(target)

    def register(function: F) -> F:
        chosen.register(op, function)
        return function

    return register
