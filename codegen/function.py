"""`function(inputs, outputs, updates)`: checks what the user wrote, compiles it, and returns something to call."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..symbolic.access import CALLING_BACK, VariableAccess
from ..symbolic.arguments import check_choice, check_count, check_flag, check_mapping, check_name
from ..symbolic.cores import MOST
from ..symbolic.errors import ArgumentError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.leaves import storage_of
from ..symbolic.operators import function as bound
from ..symbolic.rules import as_rules
from ..symbolic.types import config
from .arguments import as_graph, order_arguments, reacts
from .bound_function import BoundFunction, check_bound_argument, check_memory, result_arrays
from .compiled import Compiled
from .profile import Profile, StepTime, profile
from .target import Options, Source, Target, compile_source, target_of


class Function(Compiled):
    """A compiled function.  Safe to call from several threads: each call sees every shared variable whole."""

    def __init__(self, asked: Source, target: Target):
        super().__init__(asked, target)
        self.__name__ = self.name
        size_source = self.size_source
        self._counts = None if size_source is None else self._size_function(size_source)
        graph, program = asked.graph, self.program
        updated = [storage_of(shared) for shared, _ in graph.updates]
        read = [buffer.storage for buffer in program.shared]
        calling = [CALLING_BACK] if (read or updated) and program.calls_back else []
        self._updated = frozenset(updated)
        self._storages = tuple(dict.fromkeys([*read, *updated]))
        self._reads, self._writes = frozenset([*read, *updated, *calling]), frozenset([*updated, *calling])
        replaced = graph.updates if self.refused else program.replaced
        self._replaced = tuple(storage_of(shared) for shared, _ in replaced)
        self._outputs = len(graph.outputs)  # of the results; new arrays of variables stand behind them

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The results for these arguments, in the form in which the outputs were given."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is called.")

    def bind(self, *args: Any, out: Any = None, **keywords: Any) -> BoundFunction:
        """`g = f.bind(x, y)`: a function of nothing over arrays that stay.

        `g()` reads what the arrays hold at that moment, and writes into the same arrays of results each time.  On the
        CPU such a call costs 0.2 us beside its work; `g.address` is that of a C function, for calls without the GIL.

        Parameters
        ----------
        args, keywords : arrays in C order, of the dtypes of the inputs: they are kept, and not copied; those of other
            libraries by DLPack, as PyTorch's tensors are
        out : the array of the result, or a list of one for each output, in their order; None: new ones

        Returns
        -------
        BoundFunction
            `g()`; also `g.arguments`, `g.results`, `g.address` and `g.state`.  One call of it at a time.

        Raises ArgumentError, DTypeError, ShapeError for arrays that cannot be read or written as they are, or that
        share memory where a call writes; GuardError where their sizes do not fit.
        """
        inputs = self.source.inputs
        pairs = zip(inputs, order_arguments(self.asked, args, keywords), strict=True)
        arguments = [check_bound_argument(x, given) for x, given in pairs]
        with VariableAccess(self._reads, frozenset()):
            counts = () if self._counts is None else [int(n) for n in self._counts(*arguments)]
            made = self.bind_sizes(self.sizes(arguments, counts)).results[: self._outputs]
        results = result_arrays(out, self.asked.form is None, [(r.shape, r.dtype) for r in made])
        check_memory(inputs, arguments, results, self._storages, tuple(self._updated))
        return self._bind_arrays(arguments, results)

    def _bind_arrays(self, arguments: Sequence[np.ndarray], results: Sequence[np.ndarray]) -> BoundFunction:
        """The function over arrays that were checked."""
        return BoundFunction(self, arguments, results)

    def _size_function(self, source: Source) -> Function:
        """The function that computes sizes which are values, on the same target."""
        return type(self)(source, self.target)

    def _bring_storages(self) -> None:
        """Before a call on the host: the newest values are here; copies elsewhere are behind what the call writes."""
        self._fetch_storages()
        for storage in self._updated:
            storage.note_change()

    def _fetch_storages(self) -> None:
        """Have the newest values of all variables in the arrays of the host."""
        for storage in self._storages:
            if storage.is_behind:
                storage.fetch()

    def _replace(self, results: list[np.ndarray]) -> None:
        """Give variables their new arrays, which stand behind the outputs."""
        for storage, value in zip(self._replaced, results[self._outputs :], strict=True):
            storage.replace(value) if storage.resizable else storage.write(value)

    def __repr__(self) -> str:
        listed = ", ".join(x.name or "?" for x in self.source.inputs)
        return f"<weft.Function {self.name}({listed})>"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, Source]]:
        # as it was asked for, to be compiled where it arrives: for the processor there, with variables of its own
        return compile_source, (self.target.name, self.asked)

    def __hash__(self) -> int:
        return id(self)

    def explain(self, stage: str | None = None) -> str:
        """Any stage as text: see `explain.STAGES`; None: an overview."""
        text: str = bound("explain")(self, stage)
        return text

    def export(
        self,
        path: str | os.PathLike[str],
        *others: Function,
        sizes: Any = None,
        threads: int | None = None,
        values: bool = True,
        library: bool = False,
    ) -> tuple[Path, ...]:
        """Write the function for C: `folder/name.h` and `folder/name.o`, which need neither Python nor weft.

            predict.export("build/lenet", step, sizes={"batch": (1, 32)})

        The header has a C function for each function, with plain pointers and sizes, and a state for their shared
        variables: create, destroy, load, save.  Results are those of calls in Python, bit for bit.

        Parameters
        ----------
        path : the folder, which is made, and the name that the names of all C functions begin with
        others : functions that are written into the same files, and have the same variables
        sizes : which numbers the sizes that are symbols may be: {name: a number, a range, a list}, or a list of such
            dicts.  There is a plan for each set of them, a few kilobytes; a call with others is refused
        threads : on how many threads a call may run at most, as `create` is told; 1: code without threads.  None: 64
        values : whether the variables' present values are in the file; else a state has none before it loads some
        library : whether to write `folder/name.so` as well

        Returns the paths of what was written.

        Raises
        ------
        LoweringError
            for what runs in Python (callbacks, LAPACK), on other targets, or has sizes that are values; where a size
            is a symbol of which nothing is said; where there is no C compiler or objcopy
        ArgumentError
            for names that are none in C, or that stand twice, and for sizes that are none
        GuardError
            where no set of sizes fits
        """
        found: tuple[Path, ...] = bound("export")((self, *others), path, sizes, threads, values, library)
        return found

    def save(self, path: str | os.PathLike[str], *, python: Sequence[Any] = ()) -> Path:
        """Write the function to a file, with its variables: `wf.load(path)` makes it again, in whatever process.

            step.save("step.weft")

        The file is a zip archive of `graph.json` and arrays as `.npy`: unzip and NumPy read it.  It has the graph as it
        was written, with the lines of its program, the variables with their present values, how random streams go on,
        and all options of `wf.function`; no pickle and no code.  It is written beside its place and then put there.

        Parameters
        ----------
        path : of the file, of any name
        python : ops and Python functions (of `wf.callback`) of one's own that the graph has.  The file has their names,
            and `wf.load(path, python=[...])` is given them once more.  Functions made with `wf.elementwise` are in the
            file; rules of derivatives that were taken are not needed, and rewrite rules given to `load` as `rules=`

        Returns the path.

        Raises ArgumentError, with the line, for an op or a function of one's own that is not among `python`, and for
        parameters of such an op that are not numbers, strings, dtypes, sizes, ops, and tuples of these.
        """
        found: Path = bound("save")(self, path, python)
        return found

    def profile(self, *args: Any, repeat: int = 20) -> Profile:
        """Time per step for these arguments: time, share, bytes, the user's line.

        Each step runs `repeat` times; shared variables keep their values.
        """
        return profile(self, args, check_count("profile", "repeat", repeat, 1, 10**6))

    def step_times(self, args: tuple[Any, ...], repeat: int) -> list[StepTime]:
        """The median time of each step of a call, which ran before."""
        raise NotImplementedError(f"{type(self).__name__} does not time its steps.")


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
    results: str = "numpy",
    precision: str = "float32",
    max_memory: int | None = None,
) -> Function:
    """Compile expressions to a function from arrays to arrays.

    Parameters
    ----------
    inputs : list of inputs, or a dict {keyword: input} for calls by keyword
    outputs : one expression, a list, a dict, or None (for updates alone): the call returns arrays in the same form
    updates : {shared: new value} or a list of pairs; every read in the call sees the values before any update
    givens : {expression: replacement} or a list of pairs, put in place before anything else
    name : shown in profiles and errors
    target : "cpu"; "cuda", or "cuda:1" for another device than the first: one of NVIDIA's; "cuda:simulator": what a
        device would do, thread by thread in NumPy; "cuda:sm_80" and the like: code for that kind of device, which
        `explain("ptx")` shows, and no call; or "reference": one step after the other in NumPy, slow and obviously
        right, to compare with
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
    results : "numpy"; or "device" where the target is one: `wf.DeviceArray`s, and calls that do not wait
    precision : "float32"; or "tf32", which lets a device round the factors of products of float32 to 11 bits
    max_memory : bytes that the results and temporaries of a call may take at most, as `explain("memory")` counts them;
        None: what they take.  Values are then computed again rather than kept, where that costs least time; results are
        the same to the last bit.  It is planned as soon as sizes are known: here, if all are numbers, else by the
        first call with them

    Returns
    -------
    Function
        `f(x, t)`; also `f.bind()`, `f.explain()`, `f.profile()`.  Arrays may have any strides and may be read-only.
        They are cast only where no information is lost, or with `downcast`.  NaN is data, unless `nan` says otherwise.

    Raises
    ------
    ArgumentError, DTypeError, ShapeError
        for anything that cannot be compiled, with the lines of what was named
    LoweringError
        where the target has no kernel for an op, and the op no expansion; or there is no such target
    OutOfMemoryError
        where `max_memory` is less than can be done with
    RewriteLoop, VerifyError
        where `rules` undo each other or weft's, or change a type
    NotFiniteError
        by calls, with `nan` or `inf`
    """
    site = user_site()
    chosen = target_of(target)
    graph, keywords, form = as_graph(inputs, outputs, updates, givens, optimize, on_unused_input)
    label = check_name(name) or f"function at {site}"
    refused = tuple(kind for kind, reaction in (("nan", nan), ("inf", inf)) if reacts(kind, reaction))
    count = None if threads is None else check_count("function", "threads", threads, 1, MOST)
    lossy, own = check_flag("function", "downcast", downcast), as_rules("function", rules)
    check_choice("results", results, ("numpy", "device"))
    check_choice("precision", precision, ("float32", "tf32"))
    if results == "device" and not chosen.keeps_results:
        text = f'results="device": the target {chosen.name!r} has no memory of its own, and gives NumPy arrays.'
        raise blame(ArgumentError(text), site)
    most = None if max_memory is None else check_count("function", "max_memory", max_memory)
    stays = results == "device"
    options = Options(label, optimize, lossy, refused, own, count, stays, precision, most, config.float_dtype)
    found = chosen.compile(Source(graph, keywords, form, options))
    assert isinstance(found, Function)
    return found


def compile_and_evaluate(node: Expr, values: Mapping[Expr, Any]) -> Any:
    """`y.eval({x: array})`: the function is compiled once for each expression and set of inputs."""
    inputs = tuple(check_mapping("values", values))
    if not hasattr(node, "compiled"):
        node.compiled = {}
    if inputs not in node.compiled:
        node.compiled[inputs] = function(list(inputs), node, on_unused_input="ignore")
    return node.compiled[inputs](*values.values())
