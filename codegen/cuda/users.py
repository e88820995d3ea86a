"""Kernels that users give to ops on a device: traced Python, or a function of numba-cuda's.

@wf.kernel(Double, "cuda")
def double(k, x, out):
    for i in k.each(out):
        out[i] = 2 * x[i]
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...ops.elementwise import Elementwise
from ...symbolic.errors import LoweringError, blame, user_site
from ...symbolic.expr import Op
from .launch import GridLaunch, GridPlan, Processor, Strided, operand
from .trace.builder import INT64, KernelBuilder
from .trace.kernel import Pointer, TracedKernel, TraceRef

THREADS = 256  # of a block

Fields = tuple[tuple[str, Any], ...]  # of an op: those that its kernel takes, with their values


class ArrayLayout(NamedTuple):
    """An operand's sizes and strides, in elements, and where it starts in its buffer; `writes`: it is an output."""

    operand: Strided
    writes: bool


@dataclass(frozen=True)
class UsersPlanner:
    """The planner of a user's kernel: one thread for each element of the first output."""

    function: Callable[..., None]

    def __call__(self, op: Op, outs: tuple[Strided, ...], args: tuple[Strided, ...], processor: Processor) -> GridPlan:
        shape = outs[0].shape
        if isinstance(op, Elementwise):
            args = tuple(_stretch(a, shape) for a in args)
        layouts = (*(ArrayLayout(a, False) for a in args), *(ArrayLayout(o, True) for o in outs))
        order = (*range(len(outs), len(outs) + len(args)), *range(len(outs)))
        count = math.prod(shape)
        if is_numbas(self.function):
            return _plan_numba(self.function, layouts, order, count, self._fields(op, len(layouts)))
        kernel = TraceRef(make_users, (self.function, layouts, self._fields(op, len(layouts) + 1)))
        launch = GridLaunch(kernel, (-(-count // THREADS),), tuple(operand(number) for number in order))
        return GridPlan((launch,), way=f"{op.name}: a user's kernel")

    def _fields(self, op: Op, arrays: int) -> Fields:
        """The fields of the op that the function takes by their names, behind the arrays."""
        function = getattr(self.function, "py_func", self.function)
        names = list(inspect.signature(function).parameters)[arrays:]
        missing = [name for name in names if not hasattr(op, name)]
        if missing:
            text = f"The kernel {function.__name__} takes {missing[0]}, and {type(op).__name__} has no such field."
            raise blame(LoweringError(text), user_site())
        return tuple((name, getattr(op, name)) for name in names)


def _stretch(x: Strided, shape: tuple[int, ...]) -> Strided:
    """An argument of an elementwise function, repeated to the shape of the result."""
    missing = len(shape) - len(x.shape)
    sizes, strides = (*[1] * missing, *x.shape), (*[0] * missing, *x.strides)
    return x._replace(shape=shape, strides=tuple(0 if n == 1 else s for n, s in zip(sizes, strides, strict=True)))


# ---- traced ----------------------------------------------------------------------------------------------------------


def make_users(function: Callable[..., None], layouts: tuple[ArrayLayout, ...], fields: Fields) -> TracedKernel:
    """The kernel of a function of (builder, arguments, outputs, fields)."""

    def body(k: KernelBuilder, *memories: Any) -> None:
        arrays = [TracedArray(k, memory, layout) for memory, layout in zip(memories, layouts, strict=True)]
        function(ElementBuilder(k), *arrays, **dict(fields))

    parameters = tuple(Pointer(layout.operand.dtype) for layout in layouts)
    return TracedKernel(f"users_{function.__name__}", parameters, THREADS, body)


class ElementBuilder:
    """A `KernelBuilder` (trace/builder.py), and `each`."""

    def __init__(self, k: KernelBuilder):
        self._k = k

    def __getattr__(self, name: str) -> Any:
        return getattr(self._k, name)

    def each(self, array: TracedArray) -> Iterator[tuple[Any, ...]]:
        """`for i in k.each(out):` the indices of the elements of an array that are this thread's: one at most of the
        first output, and of larger arrays more."""
        k = self._k
        first = k.cast(k.block[0], INT64) * k.threads + k.cast(k.thread, INT64)
        for place in k.range(first, math.prod(array.shape), k.cast(k.grid[0], INT64) * k.threads):
            index = []
            for size in reversed(array.shape):
                divisor = k.constant(INT64, max(size, 1))
                index.append(k.remainder(place, divisor))
                place = k.quotient(place, divisor)
            yield tuple(reversed(index))


class TracedArray:
    """An array of a traced kernel: `x[i, j]`, of numbers and of values; no index is checked, save in the simulator.

    shape : its sizes, which are numbers
    """

    def __init__(self, k: KernelBuilder, memory: Any, layout: ArrayLayout):
        self._k, self._memory, self._layout = k, memory, layout
        self.shape, self.dtype, self.ndim = layout.operand.shape, layout.operand.dtype, len(layout.operand.shape)

    def _place(self, index: Any) -> Any:
        k, x = self._k, self._layout.operand
        listed = index if isinstance(index, tuple) else (index,)
        if len(listed) != self.ndim:
            raise IndexError(f"{len(listed)} indices for an array with {self.ndim} axes.")
        place = k.constant(INT64, x.start)
        for i, stride in zip(listed, x.strides, strict=True):
            moved = k.constant(INT64, i) if isinstance(i, int | np.integer) else k.cast(i, INT64)
            place = place + moved * stride
        return place

    def __getitem__(self, index: Any) -> Any:
        return self._memory[self._place(index)]

    def __setitem__(self, index: Any, value: Any) -> None:
        if not self._layout.writes:
            raise TypeError("A kernel does not write to the arguments of its op.")
        is_number = isinstance(value, bool | int | float | np.generic)
        new = self._k.constant(self.dtype, value) if is_number else self._k.cast(value, self.dtype)
        self._memory[self._place(index)] = new


# ---- numba-cuda ------------------------------------------------------------------------------------------------------


def is_numbas(function: Any) -> bool:
    """Whether a function was decorated by numba.cuda.jit."""
    return hasattr(function, "py_func") and type(function).__module__.startswith(("numba.cuda", "numba_cuda"))


def _plan_numba(
    function: Any, layouts: tuple[ArrayLayout, ...], order: Sequence[int], count: int, fields: Fields
) -> GridPlan:
    """Arrays as Numba passes them: two pointers that nobody uses, counts, the address of the first element, sizes and
    strides in bytes."""
    arguments: list[Any] = []
    for number, (x, _) in zip(order, layouts, strict=True):
        size = x.dtype.itemsize
        slot = operand(number)._replace(offset=x.start * size)
        arguments += [0, 0, math.prod(x.shape), size, slot, *x.shape, *(s * size for s in x.strides)]
    numbers = [value for _, value in fields]
    kernel = TraceRef(make_numbas, (function, layouts, tuple(type(n) for n in numbers)))
    launch = GridLaunch(kernel, (-(-count // THREADS),), (*arguments, *numbers))
    return GridPlan((launch,), way=f"{function.py_func.__name__}: a kernel of numba-cuda's")


def make_numbas(function: Any, layouts: tuple[ArrayLayout, ...], numbers: tuple[type, ...]) -> TracedKernel:
    """The kernel of a function of numba-cuda's, which compiles it when its code is asked for."""
    parameters: list[Any] = []
    for x, _ in layouts:
        rank = len(x.shape)
        parameters += [INT64, INT64, INT64, INT64, Pointer(x.dtype), *[INT64] * (2 * rank)]
    parameters += [np.dtype(np.float64) if kind is float else INT64 for kind in numbers]
    name = f"numba_{function.py_func.__name__}"

    def refuse(*_: Any) -> None:
        text = f"The kernel {function.py_func.__name__} is one of numba-cuda's, which run on a device alone."
        raise LoweringError(text)

    def code(architecture: str) -> str:
        from .numba_code import compile_ptx

        return compile_ptx(function, layouts, numbers, architecture, name)

    return TracedKernel(name, tuple(parameters), THREADS, refuse, foreign=code)
