"""`f.save(path)`: what the function was asked to be, its graph as it was written, and its variables, in one file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...codegen.arguments import drop_results, result_names
from ...codegen.target import Options, Source
from ...symbolic.arguments import check_path
from ...symbolic.errors import ArgumentError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.rules import RuleSet
from ...symbolic.types import config
from .archive import write_archive
from .vocabulary import GivenPython
from .writing import GraphWriter, Row

FORMAT = "weft program"
VERSION = 1  # of the format: of others nothing is read


def weft_version() -> str:
    """The version of weft that runs."""
    # the façade stands above this module, which therefore does not import it; but is there whenever this runs
    return str(sys.modules[__name__.partition(".")[0]].__version__)


def save(function: Any, path: Any, python: Sequence[Any]) -> Path:
    """Write a compiled function to a file; see `Function.save`."""
    target, given = check_path("save: path", path), GivenPython("save: python", python)
    source, options = function.asked, function.asked.options
    with config(float_dtype=options.float_dtype):
        described, arrays = _describe(source, given)
    head = {"format": FORMAT, "version": VERSION, "weft": weft_version(), "target": function.target.name}
    write_archive(target, {**head, **_options(options), **described}, arrays)
    return target


def _options(options: Options) -> Row:
    """How the function was asked for."""
    return {**options._asdict(), "refused": list(options.refused), "rules": state_rules(options.rules)}


def state_rules(rules: RuleSet | None) -> list[str]:
    """What rules of a user's state, each in a line: which they are, wherever they stand."""
    return [] if rules is None else [rule.statement for rule in rules.rules]


def _describe(source: Source, python: GivenPython) -> tuple[Row, list[Any]]:
    graph = source.graph
    assumed = [dim for guard, _ in graph.assumed for dim in guard.dims]
    values = [one for dim in assumed for one in getattr(dim, "sources", {}).values() if isinstance(one, Expr)]
    updated = [shared for shared, _ in graph.updates]
    needing = [node for _, node in graph.assumed]
    writer = GraphWriter([*values, *graph.inputs, *updated, *graph.roots, *needing], python)
    writer.note(assumed)
    pairs = [writer.number_all(pair) for pair in graph.updates]
    guards = [[writer.value(guard), writer.numbers[node]] for guard, node in graph.assumed]
    form = {
        "inputs": writer.number_all(graph.inputs),
        "keywords": None if source.keywords is None else [_keyword(word) for word in source.keywords],
        "outputs": writer.number_all(graph.outputs),
        "results": _form(source.form),
        "updates": pairs,
        "assumed": guards,
    }
    return {**form, **writer.tables()}, writer.arrays


def _form(form: Any) -> Any:
    """How results are packed: "one", "none", "list", "tuple", or the names of a dict."""
    words = {None: "one", drop_results: "none", list: "list", tuple: "tuple"}
    names = result_names(form)
    if names is not None:
        return [_keyword(name) for name in names]
    assert form in words, form
    return words[form]


def _keyword(name: Any) -> str | int:
    if not isinstance(name, str | int) or isinstance(name, bool):
        text = f"save: names of inputs and outputs are strings or whole numbers in a file, and {name!r} is neither."
        raise blame(ArgumentError(text), user_site())
    return name
