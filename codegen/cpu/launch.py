"""What a structured kernel is asked to do: plain data, made once per function and set of sizes, never per call.

A plan can be printed, and nothing is compiled for it: kernels are named (`KernelRef`, `CodeRef`), and made where the
plan is bound, or before, in any order, on any threads, by whoever asks a plan for its `references`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..lowering.bind import Array as Array
from .params import Params, Reference, lines, references

if TYPE_CHECKING:
    from .run.made import Recipe

Kernel = Callable[..., int]  # Python in Numba's subset: kernel(buffers, params, lo, hi) -> status


@dataclass(frozen=True)
class KernelRef:
    """The kernel that `make(*arguments)` returns, compiled by Numba; prints as matmul.plan.make_multiply()."""

    make: Callable[..., Kernel]
    arguments: tuple[Any, ...] = ()

    def address(self) -> int:
        """Where it begins.  It is compiled, or loaded, the first time."""
        from .run.made import address

        return address((self.make, repr(self.arguments)), self.recipe)  # 1, 1.0 and True are equal, and not the same

    def recipe(self) -> Recipe:
        """How it is compiled."""
        from .run.made import kernel_recipe

        return kernel_recipe(self.make, *self.arguments)

    def __str__(self) -> str:
        module = self.make.__module__.removeprefix(f"{__package__}.")
        return f"{module}.{self.make.__name__}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True)
class CodeRef:
    """A function of LLVM IR that kernels call: what `emit(entry, *arguments)` of a module of this folder returns."""

    module: str
    emit: str
    arguments: tuple[Any, ...]

    def address(self) -> int:
        """Where it begins.  It is compiled, or loaded, the first time."""
        from .run.made import address

        return address((self.module, self.emit, repr(self.arguments)), self.recipe)

    def recipe(self) -> Recipe:
        """How it is compiled."""
        from .run.made import code_recipe

        return code_recipe(f"{__package__}.{self.module}", self.emit, self.arguments)

    def __str__(self) -> str:
        return f"{self.module}.{self.emit}({', '.join(map(str, self.arguments))})"


class Explainer(Protocol):
    """What says why a launch failed: of steps that run in Python (callback.py), of users' kernels (custom.py)."""

    def failure(self, table: int) -> BaseException:
        """The exception, given the address of the launch's buffers."""


class Launch(NamedTuple):
    """One kernel over `extent` work units.  `buffers` index the operands: outputs, then arguments, then scratch."""

    kernel: Reference
    buffers: tuple[int, ...]
    params: Params
    extent: int
    cost: float  # rough nanoseconds on one core for all units: decides on how many threads it runs
    caller: Explainer | None = None

    def __str__(self) -> str:
        units = f"{self.extent} unit{'s' * (self.extent != 1)}"
        first = f"{self.kernel}: {units}, buffers {', '.join(map(str, self.buffers))}"
        return "\n".join([first, *(f"    {line}" for line in lines(self.params))])


class Plan(NamedTuple):
    """The launches, in order, that compute an op's outputs; `scratch` holds the bytes of each scratch buffer."""

    launches: tuple[Launch, ...]
    scratch: tuple[int, ...] = ()
    way: str = ""  # which of the ways it takes, and how it cuts the work

    def references(self) -> Iterator[Reference]:
        """All code that the launches name."""
        for launch in self.launches:
            yield launch.kernel
            yield from references(launch.params)

    def __str__(self) -> str:
        text = [self.way or "nothing to do", *(str(launch) for launch in self.launches)]
        if self.scratch:
            text.append(f"scratch: {', '.join(map(str, self.scratch))} bytes")
        return "\n".join(text).replace("\n", "\n    ")
