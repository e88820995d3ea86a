"""`wf.load(path)`: a function out of its file, asked for again, and compiled where the cache has not what it needs."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ...codegen.arguments import as_graph, drop_results, name_results
from ...codegen.function import Function
from ...codegen.target import Form, Options, Source, compile_source, target_of
from ...symbolic.arguments import check_path
from ...symbolic.cores import MOST
from ...symbolic.errors import ArgumentError, OutOfMemoryError, WeftError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.graph import Graph
from ...symbolic.guards import AnyGuard
from ...symbolic.rules import RuleSet, as_rules
from ...symbolic.types import config
from .archive import ProgramFile
from .fields import CHECKS, Check, is_int
from .reading import GraphReader
from .saving import FORMAT, VERSION, state_rules, weft_version
from .vocabulary import GivenPython

_FORMS: dict[str, Form | None] = {"one": None, "none": drop_results, "list": list, "tuple": tuple}
_FLOATS = ("float32", "float64")


def load(path: Any, *, python: Sequence[Any] = (), rules: Any = None, target: str | None = None) -> Function:
    """The compiled function that `f.save(path)` has written, with variables of its own that have the values of then.

        f.save("step.weft")                   # in one program
        step = wf.load("step.weft")           # in another: the same results to the last bit

    It is asked for as it was, with all options, and compiled by this machine's compiler: where the cache has what that
    takes, nothing is compiled.  Errors name the lines of the program that wrote it.  `wf.nn.save` and `wf.nn.load` take
    its variables: `nn.load("new.safetensors", step)`.

    Parameters
    ----------
    path : the file
    python : ops and Python functions of one's own that it names: those that were given to `save`
    rules : rewrite rules of one's own, where it was compiled with some
    target : another target than the one that it was compiled for

    A file holds no code, and what it says is checked as if it were written anew: each operation finds the type of its
    result by itself.  Nothing of a file that does not hold together runs.

    Versions: a file names the version of its format, which has to be this one's, and that of weft, which may differ in
    the last of its three numbers alone.

    Raises
    ------
    ArgumentError
        for what is no such file, cut off, damaged, of another version, or needs Python that was not given
    LoweringError, OutOfMemoryError and others
        as `wf.function`
    """
    source, given = check_path("load: path", path), GivenPython("load: python", python)
    own = as_rules("load", rules)
    if target is not None:
        target_of(target)
    try:
        return _load(ProgramFile(source), given, own, target)
    except WeftError as error:
        raise blame(_name_file(error, source), user_site()) from None
    except FileNotFoundError:
        raise blame(ArgumentError(f"load: there is no file {source}."), user_site()) from None
    except OSError as error:
        raise blame(ArgumentError(f"load: {source} cannot be read: {error}."), user_site()) from None
    except MemoryError:
        raise blame(OutOfMemoryError(f"load: there is not enough memory for {source}."), user_site()) from None
    except Exception as error:  # of ops, of which one has parameters that it never had in a program
        text = f"load: {source} has a graph that cannot be compiled ({type(error).__name__}: {error})."
        raise blame(ArgumentError(text), user_site()) from error


def _name_file(error: WeftError, source: Any) -> WeftError:
    text = error.args[0] if len(error.args) == 1 and isinstance(error.args[0], str) else str(error)
    name = "" if str(source) in text else f"{source}: "
    error.args = (f"load: {name}{text}",)
    return error


def _load(file: ProgramFile, python: GivenPython, rules: RuleSet | None, target: str | None) -> Function:
    _check_version(file)
    said = file.graph
    options = _options(said, rules)
    with config(float_dtype=options.float_dtype):
        reader = GraphReader(file, python)
        keywords, form = _keywords(said.get("keywords")), _form(said.get("results"))
        graph = _graph(reader, keywords, options)
    if form is None and len(graph.outputs) != 1:
        raise ArgumentError(f"There are {len(graph.outputs)} outputs, and one is wanted.")
    if isinstance(form, functools.partial) and len(form.args[0]) != len(graph.outputs):
        raise ArgumentError(f"There are {len(form.args[0])} names for {len(graph.outputs)} outputs.")
    name = said.get("target") if target is None else target
    chosen = target_of(name)
    if options.stays and not chosen.keeps_results:
        options = options._replace(stays=False)  # another target, which has no memory of its own
    found = compile_source(chosen.name, Source(graph, keywords, form, options))
    assert isinstance(found, Function)
    return found


def _check_version(file: ProgramFile) -> None:
    said, mine = file.graph, weft_version()
    if said.get("format") != FORMAT:
        raise ArgumentError(f"{file.path} is no program: its graph.json says {said.get('format')!r}.")
    if said.get("version") != VERSION:
        text = f"the format of {file.path} has version {said.get('version')!r}, and this weft, {mine}, reads version"
        raise ArgumentError(f"{text} {VERSION}: it was written by weft {said.get('weft')}, which reads it.")
    its = said.get("weft")
    if not isinstance(its, str) or its.split(".")[:2] != mine.split(".")[:2]:
        text = f"{file.path} was written by weft {its}, and this is weft {mine}: the first two numbers have to agree."
        error = ArgumentError(text)
        raise blame(error, hint="write it anew with f.save of the program that made it, or take weft as it was.")


# ---- how it was asked for --------------------------------------------------------------------------------------------


def _options(said: dict[str, Any], rules: RuleSet | None) -> Options:
    given: dict[str, Any] = {word: said.get(word) for word in Options._fields}
    checks: dict[str, Check] = {
        "name": CHECKS["str"],
        "optimize": lambda v: type(v) is int and v in (0, 1, 2),
        "downcast": CHECKS["bool"],
        "refused": lambda v: isinstance(v, list) and v in ([], ["nan"], ["inf"], ["nan", "inf"]),
        "rules": lambda v: isinstance(v, list) and all(isinstance(name, str) for name in v),
        "threads": lambda v: v is None or (is_int(v) and 1 <= v <= MOST),
        "stays": CHECKS["bool"],
        "precision": lambda v: v in ("float32", "tf32"),
        "max_memory": lambda v: v is None or (is_int(v) and v >= 0),
        "float_dtype": lambda v: v in _FLOATS,
    }
    for word, check in checks.items():
        if not check(given[word]):
            raise ArgumentError(f"The option {word} is not {given[word]!r}.")
    _check_rules(given["rules"], rules)
    return Options(**{**given, "refused": tuple(given["refused"]), "rules": rules})


def _check_rules(names: list[str], rules: RuleSet | None) -> None:
    mine = state_rules(rules)
    if names != mine:
        text = f"It was compiled with {_list_rules(names)} of its program's own, and is given {_list_rules(mine)}."
        raise blame(ArgumentError(text), hint="rules are Python, which no file has: load(path, rules=...) takes them.")


def _list_rules(stated: list[str]) -> str:
    return f"the rules `{'`, `'.join(stated)}`" if stated else "no rules"


def _keywords(given: Any) -> tuple[Any, ...] | None:
    return None if given is None else _names(given)


def _names(given: Any) -> tuple[Any, ...]:
    if not isinstance(given, list) or not all(type(name) in (str, int) for name in given):
        raise ArgumentError(f"{given!r} are no names.")
    if len(set(given)) != len(given):
        raise ArgumentError(f"Among the names {given!r} is one twice.")
    return tuple(given)


def _form(given: Any) -> Form | None:
    if isinstance(given, list):
        return functools.partial(name_results, _names(given))
    if not isinstance(given, str) or given not in _FORMS:
        raise ArgumentError(f"{given!r} is no form of results.")
    return _FORMS[given]


# ---- what it computes ------------------------------------------------------------------------------------------------


def _graph(reader: GraphReader, keywords: tuple[Any, ...] | None, options: Options) -> Graph:
    """The graph, checked as one that is written: inputs, sizes that are known, updates that fit."""
    said = reader.file.graph
    inputs, outputs = reader.node_all(said.get("inputs")), reader.node_all(said.get("outputs"))
    if keywords is not None and len(keywords) != len(inputs):
        raise ArgumentError(f"There are {len(keywords)} names for {len(inputs)} inputs.")
    updates = [_pair(reader, pair) for pair in _list(said, "updates")]
    assumed = [_assumption(reader, pair) for pair in _list(said, "assumed")]
    graph, _, _ = as_graph(list(inputs), list(outputs), updates, None, options.optimize, "ignore")
    if len(graph.updates) != len(updates):
        raise ArgumentError("Values bring updates which are not among those of the function.")
    more = [one for one in graph.assumed if one not in assumed]
    return Graph(graph.inputs, graph.outputs, graph.updates, (*assumed, *more))


def _list(said: dict[str, Any], word: str) -> list[Any]:
    found = said.get(word)
    if not isinstance(found, list):
        raise ArgumentError(f"There are no {word}.")
    return found


def _pair(reader: GraphReader, given: Any) -> tuple[Expr, Expr]:
    found = reader.node_all(given)
    if len(found) != 2:
        raise ArgumentError(f"{given!r} is no update.")
    return found[0], found[1]


def _assumption(reader: GraphReader, given: Any) -> tuple[AnyGuard, Expr]:
    if not isinstance(given, list) or len(given) != 2:
        raise ArgumentError(f"{given!r} is nothing that is assumed.")
    guard = reader.value(given[0])
    if not hasattr(guard, "certain"):
        raise ArgumentError(f"{guard!r} is no guard.")
    return guard, reader.node(given[1])
