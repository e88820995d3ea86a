"""`function(inputs, outputs, updates)`: checks what the user wrote, compiles it, and returns something to call."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy import array, empty, ndarray

from ..symbolic.access import CALLING_BACK, Access
from ..symbolic.arguments import check_count, check_flag, check_mapping, check_name
from ..symbolic.cores import MOST
from ..symbolic.dims import Dim, SymDim, show
from ..symbolic.errors import (
    GuardError,
    IndexRangeError,
    NotFiniteError,
    OutOfMemoryError,
    Site,
    VerifyError,
    WeftError,
    blame,
    sentence,
    user_site,
)
from ..symbolic.evaluate import bind_sizes, divided_by_zero, sizes_of_cells, whole
from ..symbolic.expr import Expr
from ..symbolic.forks import renewed
from ..symbolic.graph import Graph
from ..symbolic.leaves import Shared
from ..symbolic.origin import bad, origin
from ..symbolic.rules import RuleSet, as_rules
from ..symbolic.types import config
from .arguments import adapted, apart, as_graph, converted, expected, reacts
from .cpu.run import arenas, checked
from .cpu.run.binding import PAUSED, Binding, Walk
from .cpu.run.encode import Binder, live
from .cpu.run.results import LARGE, large
from .lowering.fuse import NestStep
from .lowering.program import Program, build
from .passes import pipeline

REMEMBERED = 64  # sets of sizes whose tables and memory a function keeps


def function(
    inputs: Sequence[Expr] | Mapping[str, Expr],
    outputs: Any = None,
    updates: Any = None,
    givens: Any = None,
    name: str | None = None,
    *,
    target: str = "cpu",
    optimize: int = 2,
    on_unused_input: str = "raise",
    downcast: bool = False,
    nan: str = "ignore",
    inf: str = "ignore",
    rules: Any = None,
    threads: int | None = None,
) -> Function:
    """Compile expressions to a function from NumPy arrays to NumPy arrays.

    Parameters
    ----------
    inputs : list of inputs, or a dict {keyword: input} for calls by keyword
    outputs : one expression, a list, a dict, or None (for updates alone): the call returns arrays in the same form
    updates : {shared: new value} or a list of pairs; every read in the call sees the values before any update
    givens : {expression: replacement} or a list of pairs, put in place before anything else
    name : shown in profiles and errors
    target : "cpu"
    optimize : 0 only what is needed to run, 1 and 2 also the rewrite rules
    on_unused_input : "raise", "warn" or "ignore" an input that nothing depends on
    downcast : whether floats among the arguments may lose digits, as float64 that becomes float32 does, and integers
        be cast where they fit; inputs whose dtype came from `config.float_dtype` take numbers of any dtype without it
    nan, inf : "ignore", or "raise" where a result or a new value of a variable holds a NaN, an infinity: the error
        names the operation that made it, and all variables are as before the call.  Each call then reads its results
        once more, and copies new values into their variables once all were looked at
    rules : rewrite rules of one's own (`wf.rules`, `wf.rewrite`, `wf.RuleSet`, or a list), which run with weft's from
        optimize=1 on; `wf.check_rule` looks whether they are laws
    threads : how many threads share its work at most; None: as many as `config.threads` says now

    Returns
    -------
    Function
        `f(x, t)`; also `f.explain()`, `f.profile()`.  Arrays may have any strides and may be read-only; they are cast
        only where no information is lost, or with `downcast`.  NaN is data, unless `nan` says otherwise.

    Raises
    ------
    ArgumentError, DTypeError, ShapeError
        for anything that cannot be compiled, with the lines of what was named
    LoweringError
        where an op has no kernel for the target
    RewriteLoop, VerifyError
        where `rules` undo each other or weft's, or change a type
    NotFiniteError
        by calls, with `nan` or `inf`
    """
    site = user_site()
    graph, keywords, form = as_graph(inputs, outputs, updates, givens, target, optimize, on_unused_input)
    label = check_name(name) or f"function at {site}"
    refused = tuple(kind for kind, reaction in (("nan", nan), ("inf", inf)) if reacts(kind, reaction))
    count = None if threads is None else check_count("function", "threads", threads, 1, MOST)
    options = (check_flag("function", "downcast", downcast), refused, as_rules("function", rules), count)
    return made(graph, keywords, form, label, optimize, *options)


def made(graph: Graph, *options: Any) -> Function:
    """The function that computes a graph: in the checked mode one whose calls are guarded."""
    if checked.ENABLED:
        from .cpu.run.checked_function import CheckedFunction

        return CheckedFunction(graph, *options)
    return Function(graph, *options)


@renewed
class Function:
    """A compiled function.  Safe to call from several threads: each call sees every shared variable whole."""

    _at_end = False  # in the checked mode: whether this call's buffers lie against the page behind them

    def __init__(
        self,
        graph: Graph,
        keywords: tuple[str, ...] | None,
        form: Any,
        name: str,
        optimize: int,
        downcast: bool = False,
        refused: tuple[str, ...] = (),
        rules: RuleSet | None = None,
        threads: int | None = None,
    ):
        self.name, self.source, self.optimize, self.downcast = name, graph, optimize, downcast
        self.rules, self._threads = rules, threads
        self.threads = threads or config.threads
        self._refused = refused  # "nan", "inf": what no result may hold
        self._keywords, self._form = keywords, form
        self._expected = tuple((x, x.dtype, x.ndim, converted(x)) for x in graph.inputs)
        self._count = len(graph.inputs)
        # sizes that are values come out of a function of their own, which runs before this one
        counts = Graph(graph.inputs, tuple(graph.sources.values()))
        self._counts = (
            type(self)(counts, None, list, f"sizes of {name}", optimize, threads=threads) if counts.outputs else None
        )
        self._idle: dict[Any, list[Binding]] = {}
        self._accesses: list[Access] = []  # idle ones, of calls that are over
        self._lock = threading.Lock()
        # new values that are looked at before variables get them are results
        run = Graph(graph.inputs, graph.roots, (), graph.assumed) if refused else graph
        self.graph = pipeline.run(run, optimize, rules=rules)
        self.program: Program = build(self.graph, checked.ENABLED)
        live(self)
        self.__name__ = name
        updated = [shared.op.cell for shared, _ in graph.updates]  # type: ignore[attr-defined]
        read = [node.op.cell for node in self.program.schedule.memory if isinstance(node.op, Shared)]
        calling = [CALLING_BACK] if (read or updated) and self.program.calls_back else []
        self._updated = frozenset(updated)
        self._reads, self._writes = frozenset([*read, *updated, *calling]), frozenset([*updated, *calling])
        self._resizable = tuple(node.op.cell for node in self.program.resizable)  # type: ignore[attr-defined]
        replaced = graph.updates if refused else self.program.updates.replaced
        self._replaced = tuple(shared.op.cell for shared, _ in replaced)  # type: ignore[attr-defined]
        self._outputs = len(graph.outputs)
        # of all that decides which tables serve: shapes of arguments, then these sizes
        self._sized = tuple(dict.fromkeys([*(c.sizes for c in self._resizable), *graph.cells]))
        # shapes of arguments decide alone, all arrays stay, and nobody looks at results
        self._plain = not (self._sized or self._counts is not None or refused)

    def __repr__(self) -> str:
        listed = ", ".join(x.name or "?" for x in self.source.inputs)
        return f"<weft.Function {self.name}({listed})>"

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if keywords or len(args) != self._count or self._keywords is not None:
            args = expected(self, args, keywords)
        arrays = []
        for given, (x, dtype, ndim, numbers) in zip(args, self._expected):  # noqa: B905 - checked above
            kind = type(given)
            if kind is ndarray and given.dtype is dtype and given.ndim == ndim and given.flags.carray:
                arrays.append(given)
            elif kind in numbers:
                arrays.append(array(given, dtype))
            else:
                arrays.append(adapted(given, x, self.downcast))
        access = None
        try:
            if self._reads:
                access = self._accesses.pop() if self._accesses else Access(self._reads, self._writes)
                access.acquire()
                if self._updated:
                    arrays = apart(arrays, self._updated)
            key = tuple([a.shape for a in arrays])
            if not self._plain:
                key += self._more_sizes(arrays)
            table = self._idle  # if the process forks during the call, bindings go where nobody looks
            idle = table.get(key)
            binding = idle.pop() if idle else self._bound(key, arrays)
            try:
                if binding.pooled:
                    binding.settle()
                try:
                    results = [empty(s, d) if size < LARGE else large(s, d, size) for s, d, size in binding.results]
                except (MemoryError, ValueError):
                    results = self._results(binding)
                objects, place = binding.objects, 0
                for one in arrays:
                    objects[place] = id(one)
                    place += 1
                for one in results:
                    objects[place] = id(one)
                    place += 1
                if not self._plain:
                    held = self._variables(binding, place)  # noqa: F841 - a callback may put others in their place
                failed = binding.walk(binding.header)
                if failed != -1:
                    if failed == PAUSED:  # Python handles signals between two walks
                        failed = binding.run()
                    if failed >= 0:
                        raise self._explained(binding, failed, arrays)
                if not self._plain:
                    if self._refused:
                        self._examine(binding, arrays, results)
                    self._replace(results)
                    binding.step[0] = 0  # a call that ends before it walks has not ended well
                    results = results[: self._outputs]
            except BaseException:
                if not self._plain and binding.done:  # a signal came right behind the last step
                    self._replace(results)
                binding.step[0] = 0
                raise
            finally:
                if binding.pooled:
                    binding.leave()
                table.setdefault(key, []).append(binding)
        finally:
            if access is not None:
                access.release()
                self._accesses.append(access)
        return results[0] if self._form is None else self._form(results)

    def _variables(self, binding: Binding, place: int) -> list[np.ndarray]:
        """Put the arrays of variables that may have others at each call into the tables, from this place on."""
        held = [cell.value for cell in self._resizable]
        for number, one in enumerate(held, place):
            binding.objects[number] = id(one)
        return held

    def _more_sizes(self, arrays: list[np.ndarray]) -> tuple[Any, ...]:
        """What decides on the tables besides the shapes of arguments: sizes that are values, and those of variables."""
        counts = () if self._counts is None else tuple([int(n) for n in self._counts(*arrays)])
        return (*counts, *[sizes.shape for sizes in self._sized])

    def _results(self, binding: Binding) -> list[np.ndarray]:
        """Memory for the results, once all that is idle has been given back.  Raises OutOfMemoryError."""
        try:
            return arenas.allocated(lambda: [empty(s, d) for s, d, _ in binding.results])
        except (MemoryError, ValueError):
            node, (shape, _, size) = max(zip(self._made, binding.results, strict=True), key=lambda pair: pair[1][2])
            text = f"A result of shape {show(shape)} takes {size} bytes, which cannot be had: {node.op.name}."
            raise blame(OutOfMemoryError(text), node.site) from None

    @property
    def _made(self) -> list[Expr]:
        """What a call makes arrays for: results, and new values of other sizes than the old ones."""
        return [*self.graph.outputs, *(new for _, new in self.program.updates.replaced)]

    def _replace(self, results: list[np.ndarray]) -> None:
        """Give variables their new arrays, which stand behind the results."""
        for cell, value in zip(self._replaced, results[self._outputs :], strict=True):
            if cell.resizable:
                cell.replace(value)
            else:
                np.copyto(cell.value, value)

    def _examine(self, binding: Binding, arrays: list[np.ndarray], results: list[np.ndarray]) -> None:
        """Raise NotFiniteError where a result holds what it may not: variables are as before the call."""
        found = next((place for place, one in enumerate(results) if bad(one, self._refused)), None)
        if found is None:
            return
        binding.step[0] = 0  # not done: variables do not get their new values
        given = dict(zip(self.source.inputs, arrays, strict=True))
        error = origin(self.source.roots, given, self._refused)
        if error is None:  # the reference, whose sums are in another order, makes none
            node = self.source.roots[found]
            text = f"{node.op.name}: its value holds {bad(results[found], self._refused)}."
            error = blame(NotFiniteError(text), node.site)
        raise error

    def run_by(self, run: Callable[[Binding, Walk], int], args: Sequence[Any]) -> None:
        """A call whose rows `run` runs, with the walker in its own way, and says which of them failed (-1: none)."""
        arrays = [adapted(given, x, self.downcast) for given, x in zip(args, self.source.inputs, strict=True)]
        with Access(self._reads, self._writes):
            key = (*[a.shape for a in arrays], *self._more_sizes(arrays))
            binding = self._bound(key, arrays)
            walk = binding.walk
            binding.walk = lambda header: run(binding, walk)
            other = copy.copy(self)
            other._keywords, other._idle = None, {key: [binding]}
            Function.__call__(other, *arrays)

    # ---- sizes ----------------------------------------------------------------------------------------------------

    def _bound(self, key: Any, arrays: list[np.ndarray]) -> Binding:
        """A binding for these sizes, after the guards were checked."""
        sizes = self._sizes(arrays)
        for (name, source), count in zip(self.source.sources.items(), key[self._count :], strict=False):
            sizes[name] = whole(count, source)
        self._check_sizes(sizes)
        with self._lock:
            while len(self._idle) >= REMEMBERED:
                self._idle.pop(next(iter(self._idle)), None)
            return Binder(self.program, sizes, self.threads, self._at_end).bind()

    def _check_sizes(self, sizes: dict[str, int]) -> None:
        """Raise an error where the sizes of this call break what the expressions took for granted."""
        for dim, node in self._computed_sizes:
            try:
                found = dim.value(sizes)
            except ZeroDivisionError:
                raise divided_by_zero(node, dim, sizes) from None
            if found < 0:
                text = f"{node.op.name}: the size {dim} is {found} in this call, where {sizes}."
                raise blame(GuardError(text), node.site, *[a.site for a in node.args])
        for guard, node in self.source.guards:
            if not guard.holds(sizes):
                what = f"the update of {node.name}" if isinstance(node.op, Shared) else node.op.name
                error = guard.broken(what, sizes)
                raise blame(error, node.site, *[a.site for a in node.args], *self._with(guard.dims))

    @functools.cached_property
    def _computed_sizes(self) -> list[tuple[SymDim, Expr]]:
        """Sizes that are arithmetic, each with the first node that has it: a call may turn them negative."""
        found: dict[SymDim, Expr] = {}
        for node in self.source.nodes:
            for dim in getattr(node.type, "shape", ()):
                if isinstance(dim, SymDim) and not dim.is_name:
                    found.setdefault(dim, node)
        return list(found.items())

    def _sizes(self, arrays: list[np.ndarray]) -> dict[str, int]:
        known = dict(zip(self.source.inputs, arrays, strict=True))
        for node in [*self.source.shared, *(shared for shared, _ in self.source.updates)]:
            known[node] = node.op.cell.value  # type: ignore[attr-defined]
        return {**sizes_of_cells(self.source.cells), **bind_sizes(known)}

    def _with(self, dims: tuple[Dim, ...]) -> list[Site]:
        """The lines of the inputs that have one of these sizes."""
        return [x.site for x in self.source.inputs if any(isinstance(d, SymDim) and d in x.shape for d in dims)]

    def forget(self) -> None:
        """After a fork: bindings are made anew, and nobody is making one."""
        self._idle, self._lock = {}, threading.Lock()

    def __reduce__(self) -> Any:
        # as it was asked for, to be compiled where it arrives: for the processor there, with variables of its own
        options = (self.name, self.optimize, self.downcast, self._refused, self.rules, self._threads)
        return made, (self.source, self._keywords, self._form, *options)

    def __copy__(self) -> Function:
        other = object.__new__(type(self))  # the same code and the same variables
        other.__dict__.update(self.__dict__)
        live(other)
        return other

    def __hash__(self) -> int:
        return id(self)

    # ---- failures -------------------------------------------------------------------------------------------------

    def _explained(self, binding: Binding, row: int, arrays: list[np.ndarray]) -> BaseException:
        """What a kernel's bad status means: the reference is asked, with the same values."""
        if binding.rows[row].caller is not None:
            return binding.rows[row].caller.failure(int(binding.step_table[row, 1]))  # type: ignore[no-any-return]
        part = binding.rows[row].part
        if isinstance(part, NestStep):
            nests = "\n".join(str(x.nest) for x in part.launches)
            text = f"A loop nest reads or writes outside of its buffers:\n{nests}"
            return blame(VerifyError(text), part.node.site)
        step = self.program.steps[binding.rows[row].step]
        from ..symbolic.evaluate import run

        given = dict(zip(self.graph.inputs, arrays, strict=True))
        try:
            run([step.node], given)
        except IndexError as error:
            found = IndexRangeError(sentence(error))
            found.__notes__ = error.__notes__
            return found
        except WeftError as error:
            return blame(error, step.node.site, *[a.site for a in step.node.args])
        return blame(IndexRangeError(f"{step.node.op.name} refused its input."), step.node.site)

    # ---- reading what was compiled --------------------------------------------------------------------------------

    def explain(self, stage: str | None = None) -> Any:
        """Any stage as text: see `explain.STAGES`; None: an overview."""
        from .explain import explain

        return explain(self, stage)

    def profile(self, *args: Any, repeat: int = 20) -> Any:
        """Time per step for these arguments: time, share, bytes, the user's line."""
        from .explain import profile

        return profile(self, args, repeat)


def evaluate_compiled(node: Expr, values: Mapping[Expr, Any]) -> Any:
    """`y.eval({x: array})`: the function is compiled once for each expression and set of inputs."""
    inputs = tuple(check_mapping("values", values))
    if not hasattr(node, "compiled"):
        node.compiled = {}
    if inputs not in node.compiled:
        node.compiled[inputs] = function(list(inputs), node, on_unused_input="ignore")
    return node.compiled[inputs](*values.values())
