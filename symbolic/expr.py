"""The one kind of node.  `apply(op, args)` is the only way to make one: equal structure is the same object.

    Op      what a node does: a frozen dataclass; its fields are the static parameters, its methods the meaning
    Expr    op, args, type, site
    Body    what runs inside of an op: inputs and outputs

An `Expr` is immutable and interned, so common sub-expressions are shared without a pass, and identity is equality.
Walks are loops, never recursion: graphs get deeper than Python's stack.
"""

from __future__ import annotations

import itertools
import operator
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias
from weakref import ref

import numpy as np

from .dims import Shape, SymDim
from .errors import ArgumentError, GradientError, Site, WeftError, at_site, blame, user_site
from .forks import hold_over_forks, renew_after_forks
from .guards import AnyGuard, collecting, inside
from .index_maps import AxisMap, IndexMap
from .operators import Operators
from .operators import function as bound
from .records import finish
from .types import DType, TupleType, Type, dtype, types_lock


class Op:
    """What a node does.  Subclasses are frozen dataclasses; two equal ops are interchangeable.

    Fields are the op's parameters.  A subclass has `infer` and `numpy`, `vjp` if it has a derivative, and `expand` or a
    kernel (`wf.kernel`); `wf.apply(op, *args)` makes the node.  docs/guide/extending.md has an example with its checks.
    """

    is_movement = False  # every element of the result is one of the argument's: equal values everywhere stay so
    is_affine = False  # a movement that has an `index_map`; set where the class is made
    proves_places = False  # whether `infer` proves `index_map`, `parts` to stay inside; else that is checked
    is_assembled = False  # what its `parts` write; set where the class is made
    is_looped = False  # computed inside any loop: a function of scalars, or affine in its own indices (`index_value`)
    stretches = False  # may repeat an argument along axes where that has size 1, or none
    elementwise = False  # every element of the result is made of those at its place in the arguments
    commutative = False  # of two arguments, in either order the same value
    bodies: tuple[Body, ...] = ()  # what runs inside: of a loop, of a branch
    in_nests = False  # loops over elements compute it, or read through it: no target needs a kernel; set with the above
    accepts_float16 = False  # whether float16 reaches it as it is stored; all other ops are computed in float32
    holds = False  # whether it holds what goes when its nodes go: functions of users, bodies of loops
    effects = False  # whether it does more than compute: it is never computed ahead, nor taken out of a loop

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for base in cls.__mro__[1:]:
            finish(base)
        cls.is_affine = cls.index_map is not Op.index_map
        cls.is_movement = cls.is_movement or cls.is_affine
        cls.is_assembled = cls.parts is not Op.parts
        cls.in_nests = cls.in_nests or cls.is_looped or cls.is_affine or cls.is_assembled

    @property
    def head(self) -> Any:
        """What rewrite rules look a node up by."""
        return type(self)

    @property
    def name(self) -> str:
        """How the op is printed: the function a user would call."""
        text = type(self).__name__
        return "".join(("_" + c.lower()) if c.isupper() and i else c.lower() for i, c in enumerate(text))

    def infer(self, *types: Type) -> Type | TupleType:
        """The type of the result; raises ShapeError or DTypeError where the arguments cannot meet."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its result's shape and dtype are (infer).")

    def numpy(self, *values: np.ndarray) -> Any:
        """The result for NumPy arrays: short, slow, obviously right."""
        raise NotImplementedError(f"{type(self).__name__} has no NumPy reference (numpy).")

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> Sequence[Expr | Callable[[], Expr] | None]:
        """The cotangents of the arguments, given that of the result; None where there is none.

        A function without arguments stands for a cotangent that is made only if somebody needs it.
        """
        raise GradientError(f"{self.name} has no derivative: give its op a vjp method, or use stop_gradient.")

    def expand(self, *args: Expr) -> Expr | None:
        """The same value in simpler ops, for targets without a kernel of its own; None where there is none."""
        return None

    # ---- where elements stand: what fused loops and kernels read and write without a copy ----------------------------

    def index_map(self, x: Type) -> IndexMap:
        """Of a movement: where an element of the result is found in the argument, of type x.

        For each axis of the argument an affine sum of the result's indices.  That it lies inside is proved when the
        expression is written, or checked by every call.
        """
        raise NotImplementedError(f"{self.name} is no affine map of indices.")

    def parts(self, out: Expr, *args: Expr) -> Iterable[tuple[Expr, IndexMap]]:
        """Of what is written in parts, one after the other: values, and where in the result their elements go.

        Together they write everything, and no part writes an element twice.  `infer` proves that they lie inside, with
        `within` or `inside` of `symbolic/guards.py`.
        """
        raise NotImplementedError(f"{self.name} is not made of parts.")

    def index_value(self) -> AxisMap:
        """Of an op without arguments: its elements, each as an affine sum of its own indices."""
        raise NotImplementedError(f"{self.name} is not made of indices.")


class Leaf(Op):
    """An op without arguments."""

    in_nests = True


class Expr(Operators):
    """A value that does not exist yet: the result of an op applied to other values."""

    __slots__ = (
        "__weakref__",
        "args",
        "compiled",
        "cotangent_of",
        "facts",
        "guards",
        "op",
        "site",
        "size_name",
        "type",
    )
    __match_args__ = ("op", "args")

    op: Op
    args: tuple[Expr, ...]
    type: Any  # Type, or TupleType where an op has several outputs
    site: Site
    guards: tuple[AnyGuard, ...]
    # what only some have, and what goes with them
    compiled: dict[tuple[Expr, ...], Any]  # what `eval` has made of it
    size_name: str  # the symbol for the size of an axis that has its value for a size
    facts: Any  # what the Theano layer's programs have noted about it
    cotangent_of: tuple[ref[Expr] | None, tuple[ref[Expr], ...]]  # the scalar and the values it is the derivative by

    @property
    def dtype(self) -> DType:
        """The dtype of its elements."""
        return self.type.dtype  # type: ignore[no-any-return]

    @property
    def shape(self) -> Shape:
        """Its sizes: numbers where they are known, symbols where a call decides."""
        return self.type.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.type.shape)

    @property
    def name(self) -> str | None:
        """The user's name for it: inputs and shared variables have one, and nothing else."""
        return getattr(self.op, "label", None)

    def __repr__(self) -> str:
        return str(bound("repr")(self))

    def __bool__(self) -> bool:
        raise blame(
            ArgumentError("The truth of an expression is not known before it is computed."),
            user_site(),
            self.site,
            hint="use wf.where or wf.cond to choose by value; `==` compares elements, `is` asks for the same node.",
        )

    def __len__(self) -> int:
        if not self.shape:
            raise blame(ArgumentError("A scalar expression has no length."), user_site(), self.site)
        if isinstance(self.shape[0], int):
            return self.shape[0]
        raise blame(
            ArgumentError(f"The length of this expression is {self.shape[0]}, which only a call decides."),
            user_site(),
            self.site,
            hint="use .shape[0], which works in expressions.",
        )

    def __iter__(self) -> Iterator[Expr]:
        return (self[i] for i in range(len(self)))

    def __reduce__(self) -> Any:
        return _rebuilt_one, flatten((self,))

    def eval(self, values: Mapping[Expr, Any] | None = None) -> Any:
        """Compile and run it, with values for the inputs it depends on; the function is kept."""
        return bound("eval")(self, {} if values is None else values)


@renew_after_forks
@dataclass(frozen=True, eq=False)
class Body:
    """A computation inside of an op: of a loop's step, of a branch.  `Graph` is a whole one."""

    inputs: tuple[Expr, ...]
    outputs: tuple[Expr, ...]

    @property
    def roots(self) -> tuple[Expr, ...]:
        """All that has to be computed."""
        return self.outputs

    @cached_property
    def nodes(self) -> tuple[Expr, ...]:
        """Every node, arguments first."""
        return tuple(toposort(self.roots))


class _Entry(ref[Expr]):
    """What the table holds: a node as long as anybody else holds it, and its key, to take it out afterwards."""

    __slots__ = ("key",)

    key: tuple[Op, tuple[Expr, ...]]


_table: dict[tuple[Op, tuple[Expr, ...]], _Entry] = {}
_lock = hold_over_forks(
    threading.RLock()
)  # reentrant: a collection may run `_forget` anywhere, also where types are made
hold_over_forks(types_lock)


def _forget(entry: _Entry) -> None:
    with _lock:
        present = _table.pop(entry.key, None)
        if present is not None and present is not entry:  # the node was made again in between
            _table[entry.key] = present


def apply(op: Op, *args: Expr) -> Expr:
    """The node of `op` over `args`: the one that exists, or a new one, with its type inferred and the user's line kept.

    Raises ShapeError and DTypeError with the lines of this node and of its arguments.
    """
    key = (op, args)
    try:
        entry = _table.get(key)
    except TypeError:
        raise _application_error(op, args) from None
    found = entry() if entry is not None else None
    return found if found is not None else _new(key)


def _new(key: tuple[Op, tuple[Expr, ...]]) -> Expr:
    node = Expr.__new__(Expr)
    node.op, node.args = op, args = key
    node.site = user_site()
    try:
        if args:
            node.type, node.guards = _infer(op, tuple([a.type for a in args]))
        else:
            node.type, node.guards = op.infer(), ()
    except WeftError as error:
        raise blame(error, node.site, *[a.site for a in args]) from None
    except (AttributeError, TypeError):
        if all(isinstance(a, Expr) for a in args) and isinstance(op, Op):
            raise  # of the op's own
        raise _application_error(op, args) from None
    entry = _Entry(node, _forget)
    entry.key = key
    with _lock:
        present = _table.setdefault(key, entry)
        if present is entry:
            return node
        found = present()
        if found is not None:  # another thread was faster
            return found
        _table[key] = entry
    return node


def all_nodes() -> list[Expr]:
    """All nodes there are."""
    with _lock:
        entries = list(_table.values())
    return [node for entry in entries if (node := entry()) is not None]


def _application_error(op: Any, args: tuple[Any, ...]) -> WeftError:
    """What is wrong with an op that cannot be applied to its arguments."""
    other = next((a for a in args if not isinstance(a, Expr)), None)
    if not isinstance(op, Op):
        hint = "functions like wf.exp are called as they are: wf.exp(x)."
        return blame(
            ArgumentError(f"apply takes an op and its arguments, and {op!r} is no op."), user_site(), hint=hint
        )
    if not all(isinstance(a, Expr) for a in args):
        text = f"apply: the arguments of {op.name} are expressions, and {other!r} is none."
        return blame(ArgumentError(text), user_site(), hint="wf.constant(value) makes one.")
    text = f"apply: the parameters of {type(op).__name__} cannot be compared with those of others: {op!r}."
    return blame(ArgumentError(text), user_site(), hint="give it tuples and numbers; lists, dicts and arrays are none.")


Inferred: TypeAlias = "tuple[Any, tuple[AnyGuard, ...]]"  # a type, and what it assumes

_known: dict[tuple[Op, tuple[Any, ...], DType], Inferred] = {}
_REMEMBERED = 4096  # sorts of nodes whose types are known
_holds = operator.attrgetter("holds")


def _infer(op: Op, types: tuple[Any, ...]) -> Inferred:
    """The type of op over arguments of these types, and what it assumes.

    A graph has far fewer sorts of nodes than nodes, so that it is remembered.  The configured dtype is what a type may
    depend on besides.  What is remembered stays: ops and types that hold expressions, arrays or functions are none of
    it.
    """
    sort = (op, types, dtype(None))
    found = _known.get(sort)
    if found is None:
        with collecting() as assumed:
            of = op.infer(*types)
            if op.is_affine and not op.proves_places:
                inside(op.name, op.index_map(types[0]), of.shape, types[0].shape)
        found = of, assumed.guards
        if not (op.holds or any(map(_holds, types)) or _has_computed_size(op)):
            if len(_known) >= _REMEMBERED:
                _known.clear()
            _known[sort] = found
    return found


def _has_computed_size(op: Op) -> bool:
    """Whether a size among the parameters of an op stands for a value, whose expression it keeps."""
    for parameter in getattr(op, "__dict__", {}).values():  # an op of a user may have slots
        for size in parameter if type(parameter) is tuple else (parameter,):
            if type(size) is SymDim and size.sources:
                return True
            if isinstance(size, Op) and _has_computed_size(size):
                return True
    return False


def identical(left: Sequence[Expr], right: Sequence[Expr]) -> bool:
    """Whether the same nodes stand in both, in the same order: `==` compares the elements of values."""
    return len(left) == len(right) and all(map(operator.is_, left, right))


def without(nodes: Sequence[Expr], one: Expr) -> list[Expr]:
    """The nodes but for the first that is this one."""
    place = next(i for i, node in enumerate(nodes) if node is one)
    return [*nodes[:place], *nodes[place + 1 :]]


def toposort(roots: Iterable[Expr], into: Callable[[Expr], bool] | None = None) -> list[Expr]:
    """Every node the roots lead to, arguments first.  `into(node)` False: do not look at its arguments."""
    order: list[Expr] = []
    seen: set[Expr] = set()
    stack: list[Expr | None] = list(roots)
    stack.reverse()
    pending: list[Expr] = []
    while stack:
        node = stack.pop()
        if node is None:
            order.append(pending.pop())
            continue
        if node in seen:
            continue
        seen.add(node)
        if not node.args or (into is not None and not into(node)):
            order.append(node)
            continue
        pending.append(node)
        stack.append(None)
        stack.extend(a for a in reversed(node.args) if a not in seen)
    return order


def rebuild(node: Expr, args: tuple[Expr, ...]) -> Expr:
    """The node with other arguments, at the same line of the user's program."""
    if identical(args, node.args):
        return node
    with at_site(node.site):
        return apply(node.op, *args)


def depends(order: Iterable[Expr], on: Iterable[Expr]) -> set[Expr]:
    """Those of the nodes, arguments first, that lead to one of `on`, these included."""
    reached = set(on)
    for node in order:
        if not reached.isdisjoint(node.args):
            reached.add(node)
    return reached


Row: TypeAlias = tuple[Op, tuple[int, ...], Site]


def flatten(roots: Sequence[Expr]) -> tuple[list[Row], list[int]]:
    """Graphs as they travel: a row for each node, arguments first, and the numbers of the roots' rows."""
    order = toposort(roots)
    number = {node: i for i, node in enumerate(order)}
    return [(node.op, tuple(number[a] for a in node.args), node.site) for node in order], [number[r] for r in roots]


def unflatten(rows: Iterable[Row], numbers: Iterable[int]) -> list[Expr]:
    """The roots that were flattened."""
    nodes: list[Expr] = []
    for op, args, site in rows:
        with at_site(site):
            nodes.append(apply(op, *[nodes[i] for i in args]))
    return [nodes[i] for i in numbers]


def _rebuilt_one(rows: list[Row], numbers: list[int]) -> Expr:
    return unflatten(rows, numbers)[0]


def _restart() -> None:
    global _serial
    _serial = itertools.count(int.from_bytes(os.urandom(8)) << 32)


_serial: Iterator[int]
_restart()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart)


def serial() -> int:
    """A number that no other leaf has: not in another process either, since leaves travel by pickle."""
    return next(_serial)
