"""Graphs that go through a file, without being compiled."""

from dataclasses import replace

from weft.exchange.programs.archive import ProgramFile, write_archive
from weft.exchange.programs.reading import GraphReader
from weft.exchange.programs.vocabulary import GivenPython
from weft.exchange.programs.walk import traced_function
from weft.exchange.programs.writing import GraphWriter
from weft.ops.callback import Callback
from weft.symbolic.expr import apply, rebuild, toposort
from weft.symbolic.grad import CustomGradient
from weft.symbolic.leaves import Constant, Input, Shared
from weft.symbolic.substitution import substitute


def through_file(roots, path, python=()):
    """The roots as a file brings them back."""
    given = GivenPython("python", python)
    writer = GraphWriter(roots, given)
    write_archive(path, writer.tables(), writer.arrays)
    reader = GraphReader(ProgramFile(path), given)
    return [reader.nodes[number] for number in writer.number_all(roots)], writer, reader


def with_leaves_of(writer, reader, found):
    """What was found, over the inputs, variables and large constants of what was written."""
    kinds = Input, Shared, Constant
    pairs = [(mine, its) for its, mine in zip(writer.nodes, reader.nodes, strict=True) if isinstance(its.op, kinds)]
    leaves = {mine: its for mine, its in pairs if mine is not its}
    for mine, its in leaves.items():
        assert (mine.dtype, mine.ndim, mine.name, mine.type.weak) == (its.dtype, its.ndim, its.name, its.type.weak)
    return substitute(found, leaves)


def without_rules(roots):
    """The roots without what a file has in another form.

    Those are custom gradients and the rules of callbacks, and functions of numbers that are known by their bodies.
    """
    done = {}
    for node in toposort(roots):
        args = tuple(done[a] for a in node.args)
        if isinstance(node.op, Callback):
            done[node] = apply(replace(node.op, rule=None), *args)
        elif traced_function(node.op) is not None:
            done[node] = node.op.function.expand_body(*args)
        else:
            done[node] = args[0] if isinstance(node.op, CustomGradient) else rebuild(node, args)
    return [done[root] for root in roots]


def is_same(roots, path, python=()):
    """Whether the roots that come back are the same nodes, over the same leaves."""
    found, writer, reader = through_file(roots, path, python)
    again, roots = without_rules(with_leaves_of(writer, reader, found)), without_rules(roots)
    assert all(
        mine.site.line == its.site.line for its, mine in zip(writer.nodes, reader.nodes, strict=True) if its.site
    )
    return [mine is its for mine, its in zip(again, roots, strict=True)]
