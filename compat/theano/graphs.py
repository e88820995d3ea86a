"""theano.gof: a variable's owner, walks over graphs, replacement, and graphs used as ops."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import weft as wf

from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr, identical
from ...symbolic.postorder import postorder
from ...symbolic.substitution import substitute
from .convert import unwrap
from .copies import drop_copies
from .graph_clones import new_graph
from .notes import is_leaf, note_op
from .op import Apply
from .ops import Work
from .variables import TensorConstant, Variable, variable_of, wrap


def inputs(variable_list: Iterable[Any], blockers: Any = None) -> list[Any]:
    """The inputs, constants and shared variables that the variables depend on."""
    stops = {unwrap(b) for b in blockers or ()}
    waiting, seen, found = list(variable_list), set(), []
    while waiting:  # the last of the list first, as in Theano: programs rely on the order
        variable = waiting.pop()
        if variable in seen:
            continue
        seen.add(variable)
        if is_leaf(variable.expr):
            found.append(variable)
        elif variable.owner is not None and variable.expr not in stops:
            waiting += reversed(variable.owner.inputs)
    return found


graph_inputs = inputs


def ancestors(variable_list: Iterable[Any], blockers: Any = None) -> list[Any]:
    """All variables that these depend on, themselves included, each behind what it is made of."""
    stops = {unwrap(b) for b in blockers or ()}

    def needs(variable: Any) -> Sequence[Any]:
        return () if variable.owner is None or variable.expr in stops else variable.owner.inputs

    return postorder(variable_list, needs)


def walk(
    nodes: Iterable[Any], expand: Callable[[Any], Sequence[Any] | None], bfs: bool = True, **ignored: Any
) -> Iterator[Any]:
    """The nodes, and what `expand` says lies beyond each, once: the nearest first, or with bfs=False the farthest."""
    waiting, seen = deque(nodes), set()
    while waiting:
        node = waiting.popleft() if bfs else waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting.extend(expand(node) or ())


Constant = TensorConstant


def variables(i: Iterable[Any], o: Iterable[Any]) -> list[Any]:
    """All variables between inputs and outputs."""
    return ancestors(o, i)


def io_toposort(inputs: Iterable[Any], outputs: Iterable[Any], **ignored: Any) -> list[Apply]:
    """The applications between inputs and outputs, in an order in which they can be computed."""
    stops = {unwrap(i) for i in inputs}
    owners = [v.owner for v in ancestors(outputs, inputs) if v.owner is not None and v.expr not in stops]
    return list(dict.fromkeys(owners))


def is_same_graph(var1: Any, var2: Any, givens: Any = None, debug: bool = False) -> bool:
    """Whether two variables are computed in the same way."""
    replaced = {unwrap(a): unwrap(b) for a, b in dict(givens or {}).items()}
    one, other = drop_copies(substitute([unwrap(var1), unwrap(var2)], replaced))
    return one is other


def equal_computations(xs: Sequence[Any], ys: Sequence[Any], in_xs: Any = (), in_ys: Any = ()) -> bool:
    """Whether the xs are computed from in_xs as the ys are from in_ys."""
    replaced = {unwrap(a): unwrap(b) for a, b in zip(in_xs, in_ys, strict=True)}
    left = drop_copies(substitute([unwrap(x) for x in xs], replaced))
    return identical(left, drop_copies([unwrap(y) for y in ys]))


def clone(
    output: Any, replace: Any = None, strict: bool = True, share_inputs: bool = True, copy_inputs: Any = None
) -> Any:
    """The output with variables replaced."""
    pairs = list(replace.items()) if isinstance(replace, Mapping) else list(replace or [])
    many = isinstance(output, list | tuple)
    found = substitute([unwrap(o) for o in (output if many else [output])], {unwrap(a): unwrap(b) for a, b in pairs})
    return [wrap(n) for n in found] if many else wrap(found[0])


class FunctionGraph:
    """Inputs and outputs, and the applications between them."""

    def __init__(self, inputs: Sequence[Any], outputs: Sequence[Any], clone: bool = True, **ignored: Any) -> None:
        self.inputs, self.outputs = list(inputs), list(outputs)
        if clone:
            self.inputs, self.outputs = new_graph(self.inputs, self.outputs)

    def toposort(self) -> list[Apply]:
        """The applications in an order in which they can be computed."""
        return io_toposort(self.inputs, self.outputs)

    @property
    def apply_nodes(self) -> list[Apply]:
        return self.toposort()

    @property
    def variables(self) -> list[Any]:
        return ancestors(self.outputs)

    def __repr__(self) -> str:
        return f"[{', '.join(map(str, self.outputs))}]"


class OpFromGraph(Work):
    """A graph as an op: calling it puts other variables in place of its inputs."""

    __props__ = None

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
        self.inputs, self.outputs, self.name = list(inputs), list(outputs), name or "OpFromGraph"
        self.override = _wrap_rule(grad_overrides, False) or _wrap_rule(lop_overrides, True)

    def __call__(self, *args: Any, **options: Any) -> Any:
        if len(args) != len(self.inputs):
            text = f"This OpFromGraph takes {len(self.inputs)} inputs, and {len(args)} were given."
            raise blame(TypeError(text), user_site())
        given = [unwrap(a, v.dtype) for a, v in zip(args, self.inputs, strict=True)]
        if self.override is not None and len(self.outputs) == 1:
            found = [wrap(wf.custom_gradient(lambda *xs: self._inside(xs)[0], self.override)(*given))]
        else:
            found = [wrap(n) for n in self._inside(given)]
        for variable in found:
            note_op(variable, self, args)
        return found[0] if len(found) == 1 else found

    def _inside(self, given: Sequence[Expr]) -> list[Expr]:
        pairs = zip(self.inputs, given, strict=True)
        return substitute([unwrap(o) for o in self.outputs], {unwrap(v): x for v, x in pairs})


def _wrap_rule(rule: Callable[..., Any] | None, with_outputs: bool) -> Callable[..., Any] | None:
    if not callable(rule):
        return None

    def vjp(g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        arguments = [[variable_of(a) for a in args], *([[variable_of(out)]] if with_outputs else []), [variable_of(g)]]
        return [unwrap(v) for v in rule(*arguments)]

    return vjp
