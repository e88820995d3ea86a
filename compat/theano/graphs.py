"""theano.gof: a variable's owner, walks over graphs, replacement, and graphs used as ops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import weft as wf

from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr, substitute, toposort
from ...symbolic.leaves import Constant, Input, Item, Shared, Size
from .convert import unwrap
from .variables import Variable, wrap


class Apply:
    """An op, its inputs and its outputs."""

    def __init__(self, op: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        self.op, self.inputs, self.outputs = op, list(inputs), list(outputs)

    @property
    def out(self) -> Any:
        """The one output."""
        return self.outputs[0]

    @property
    def nin(self) -> int:
        return len(self.inputs)

    @property
    def nout(self) -> int:
        return len(self.outputs)

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(str, self.inputs))})"


class NodeOp:
    """What a node does, as programs that look at graphs see it: `.op` is weft's op."""

    def __init__(self, op: Any) -> None:
        self.op = op
        self.scalar_op = self
        self.name = op.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NodeOp) and self.op == other.op

    def __hash__(self) -> int:
        return hash(self.op)

    def __repr__(self) -> str:
        return str(self.name)


def owner_of(variable: Variable) -> Apply | None:
    """The application that makes a variable; None for inputs, constants and shared variables."""
    node = variable.expr
    if isinstance(node.op, Input | Constant | Shared | Size):
        return None
    whole = node.args[0] if isinstance(node.op, Item) else node
    op = getattr(getattr(whole.op, "function", None), "theano_op", None) or NodeOp(whole.op)
    outputs = [variable]
    if whole is not node:
        from ...symbolic.leaves import items

        outputs = [variable if n is node else wrap(n) for n in items(whole)]
    return Apply(op, [wrap(a) for a in whole.args], outputs)


def inputs(variable_list: Iterable[Any], blockers: Any = None) -> list[Any]:
    """The inputs, constants and shared variables that the variables depend on."""
    stops = {unwrap(b) for b in blockers or ()}
    waiting, seen, found = [unwrap(v) for v in variable_list], set(), []
    while waiting:  # the last of the list first, as in Theano: programs rely on the order
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            if not node.args:
                found.append(wrap(node))
            elif node not in stops:
                waiting += reversed(node.args)
    return found


graph_inputs = inputs


def ancestors(variable_list: Iterable[Any], blockers: Any = None) -> list[Any]:
    """All variables that these depend on, themselves included."""
    stops = {unwrap(b) for b in blockers or ()}
    order = toposort([unwrap(v) for v in variable_list], into=lambda n: n not in stops)
    return [wrap(n) for n in order if hasattr(n.type, "shape")]


def variables(i: Iterable[Any], o: Iterable[Any]) -> list[Any]:
    """All variables between inputs and outputs."""
    return ancestors(o, i)


def io_toposort(inputs: Iterable[Any], outputs: Iterable[Any]) -> list[Apply]:
    """The applications between inputs and outputs, in an order in which they can be computed."""
    return [found for v in ancestors(outputs, inputs) if (found := v.owner) is not None]


def is_same_graph(var1: Any, var2: Any, givens: Any = None, debug: bool = False) -> bool:
    """Whether two variables are computed in the same way."""
    replaced = {unwrap(a): unwrap(b) for a, b in dict(givens or {}).items()}
    one, other = substitute([unwrap(var1), unwrap(var2)], replaced)
    return one is other


def equal_computations(xs: Sequence[Any], ys: Sequence[Any], in_xs: Any = (), in_ys: Any = ()) -> bool:
    """Whether the xs are computed from in_xs as the ys are from in_ys."""
    replaced = {unwrap(a): unwrap(b) for a, b in zip(in_xs, in_ys, strict=True)}
    return len(xs) == len(ys) and all(
        a is b for a, b in zip(substitute([unwrap(x) for x in xs], replaced), map(unwrap, ys), strict=True)
    )


def clone(
    output: Any, replace: Any = None, strict: bool = True, share_inputs: bool = True, copy_inputs: Any = None
) -> Any:
    """The output with variables replaced."""
    pairs = list(replace.items()) if isinstance(replace, Mapping) else list(replace or [])
    many = isinstance(output, list | tuple)
    found = substitute([unwrap(o) for o in (output if many else [output])], {unwrap(a): unwrap(b) for a, b in pairs})
    return [wrap(n) for n in found] if many else wrap(found[0])


def clone_get_equiv(inputs: Sequence[Any], outputs: Sequence[Any], **ignored: Any) -> dict[Any, Any]:
    """Each input with a new one of its type, and each output in terms of these."""
    fresh = {v: v.clone() for v in inputs}
    return fresh | dict(zip(outputs, clone(list(outputs), fresh), strict=True))


class FunctionGraph:
    """Inputs and outputs, and the applications between them."""

    def __init__(self, inputs: Sequence[Any], outputs: Sequence[Any], clone: bool = True, **ignored: Any) -> None:
        self.inputs, self.outputs = list(inputs), list(outputs)

    def toposort(self) -> list[Apply]:
        """The applications in an order in which they can be computed."""
        return io_toposort(self.inputs, self.outputs)

    @property
    def apply_nodes(self) -> list[Apply]:
        return self.toposort()

    @property
    def variables(self) -> list[Any]:
        return ancestors(self.outputs)


class OpFromGraph:
    """A graph as an op: calling it puts other variables in place of its inputs."""

    def __init__(
        self,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        inline: bool = False,
        grad_overrides: Callable[..., Any] | None = None,
        lop_overrides: Callable[..., Any] | None = None,
        name: str | None = None,
        **ignored: Any,
    ) -> None:
        for v in [*inputs, *outputs]:
            if not isinstance(v, Variable):
                text = f"OpFromGraph takes variables, and {v!r} is {type(v).__name__}."
                raise blame(TypeError(text), user_site())
        self.inputs, self.outputs, self.name = list(inputs), list(outputs), name
        self.override = _wrapped_rule(grad_overrides, False) or _wrapped_rule(lop_overrides, True)

    def __call__(self, *args: Any, **options: Any) -> Any:
        if len(args) != len(self.inputs):
            text = f"This OpFromGraph takes {len(self.inputs)} inputs, and {len(args)} were given."
            raise blame(TypeError(text), user_site())
        given = [unwrap(a, v.dtype) for a, v in zip(args, self.inputs, strict=True)]
        if self.override is not None and len(self.outputs) == 1:
            found = [wrap(wf.custom_gradient(lambda *xs: self._inside(xs)[0], self.override)(*given))]
        else:
            found = [wrap(n) for n in self._inside(given)]
        return found[0] if len(found) == 1 else found

    def _inside(self, given: Sequence[Expr]) -> list[Expr]:
        pairs = zip(self.inputs, given, strict=True)
        return substitute([unwrap(o) for o in self.outputs], {unwrap(v): x for v, x in pairs})


def _wrapped_rule(rule: Callable[..., Any] | None, with_outputs: bool) -> Callable[..., Any] | None:
    if not callable(rule):
        return None

    def vjp(g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        arguments = [[wrap(a) for a in args], *([[wrap(out)]] if with_outputs else []), [wrap(g)]]
        return [unwrap(v) for v in rule(*arguments)]

    return vjp
