"""A call of every public function that is right, and values that no argument takes: for sweeps over mistakes.

`CALLS` is {name: Call}; a call whose name has a dot is of a stream of random numbers, of an expression
or of a compiled function.  Those of `weft.nn` are in `nn/calls`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import weft as wf
from weft.ops.elementwise import Scalar

X = wf.matrix("x", (3, 4))
V = wf.vector("v", (4,))
LABELS = wf.vector("labels", (3,), "int64")
FLAGS = wf.matrix("flags", (3, 4), "bool")
B = wf.scalar("b", dtype="bool")
CUBE = wf.tensor("cube", (2, 3, 4))
ANY = wf.matrix("any", ("n", 4))
SQUARE = wf.matrix("square", (4, 4))
LINES, IMAGES = wf.tensor("lines", (2, 3, 6)), wf.tensor4("images", (2, 3, 6, 5))
VOLUMES = wf.tensor("volumes", (2, 3, 4, 6, 5))
SPATIAL = (LINES, IMAGES, VOLUMES)
LONG = wf.vector("long", (9,))
W, BIAS = wf.shared(np.ones((4, 2), np.float32), "w"), wf.shared(np.zeros(2, np.float32), "bias")
STREAM = wf.random.Stream(3)
RNG = np.random.default_rng(0)
LOSS = (X @ W + BIAS).sum()
GRADS = wf.grad(LOSS, [W, BIAS])


@wf.rules
def DOUBLE(x):
    yield wf.sin(x) + wf.sin(x), 2 * wf.sin(x)


SEVERAL = wf.callback(np.modf, [X.type, X.type], X)[0].args[0]


class Call(NamedTuple):
    """A function with arguments that are right."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any] = {}  # noqa: RUF012 - never written to

    def places(self) -> list[int | str]:
        """What names an argument: its position, or its keyword."""
        return [*range(len(self.args)), *self.options]

    def with_argument(self, place: int | str, value: Any) -> Any:
        """The call, with another value in one place."""
        if isinstance(place, str):
            return self.function(*self.args, **{**self.options, place: value})
        return self.function(*self.args[:place], value, *self.args[place + 1 :], **self.options)


def call(function: Callable[..., Any], *args: Any, **options: Any) -> Call:
    return Call(function, args, options)


def _elementwise() -> dict[str, Call]:
    """Those of the table of scalar functions, each of as many arguments as it takes."""
    found = {}
    for name in dir(wf):
        function = getattr(wf, name)
        if isinstance(function, Scalar) and name == function.name:
            integers = getattr(function, "result", "") == "integer"
            args = [FLAGS if integers else X] * len(function.signature.parameters)
            if "shift" in name:
                args = [LABELS] * 2
            found[name] = Call(function, (FLAGS, *args[1:]) if name == "where" else tuple(args))
    return found


def _convolutions() -> dict[str, Call]:
    options = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "flip": False}
    found = {}
    for rank, x in enumerate(SPATIAL, 1):
        size = (2,) * rank
        w, w_back = wf.zeros((4, 3, *size)), wf.zeros((3, 4, *size))
        found[f"conv{rank}d"] = call(getattr(wf, f"conv{rank}d"), x, w, wf.zeros(4), **options)
        back = getattr(wf, f"conv{rank}d_transpose")
        found[f"conv{rank}d_transpose"] = call(back, x, w_back, wf.zeros(4), output_padding=0, **options)
    return found


def _pools() -> dict[str, Call]:
    options = {"stride": 2, "padding": 0, "ceil_mode": False}
    found = {}
    for rank, x in enumerate(SPATIAL, 1):
        for name in (f"max_pool{rank}d", f"max_pool{rank}d_with_indices"):
            found[name] = call(getattr(wf, name), x, 2, **options, dilation=1)
        back = getattr(wf, f"max_unpool{rank}d")
        places = wf.zeros(x.shape, "int64")
        sizes = (8, 9, 7)[:rank]
        found[f"max_unpool{rank}d"] = call(back, x, places, 2, stride=2, padding=0, output_shape=sizes)
        found[f"sum_pool{rank}d"] = call(getattr(wf, f"sum_pool{rank}d"), x, 2, **options)
        found[f"lp_pool{rank}d"] = call(getattr(wf, f"lp_pool{rank}d"), x, 2, p=2, **options)
        found[f"avg_pool{rank}d"] = call(getattr(wf, f"avg_pool{rank}d"), x, 2, **options, count_include_pad=False)
    return found


def _reductions() -> dict[str, Call]:
    plain = (wf.max, wf.min, wf.mean, wf.argmax, wf.argmin, wf.logsumexp)
    found = {f.__name__: call(f, X, axis=0, keepdims=False) for f in plain}
    found |= {f.__name__: call(f, FLAGS, axis=0, keepdims=False) for f in (wf.any, wf.all)}
    found |= {f.__name__: call(f, X, axis=0, keepdims=False, ddof=0) for f in (wf.var, wf.std)}
    return found | {f.__name__: call(f, X, axis=0, keepdims=False, dtype=None) for f in (wf.sum, wf.prod)}


def _made() -> dict[str, Call]:
    leaves = (wf.scalar, wf.vector, wf.matrix, wf.tensor3, wf.tensor4)
    found = {f.__name__: call(f, "x", (3, "n", None, 5)[:rank], dtype="float32") for rank, f in enumerate(leaves)}
    return found | {
        "tensor": call(wf.tensor, "x", (3, "n"), dtype="float32"),
        "shared": call(wf.shared, np.ones(3), "w", dtype="float32", shape=("n",)),
        "constant": call(wf.constant, 1.5, dtype="float32"),
        "zeros": call(wf.zeros, (3, 4), dtype="float32"),
        "ones": call(wf.ones, (3, 4), dtype="float32"),
        "full": call(wf.full, (3, 4), 1.5, dtype="float32"),
        "zeros_like": call(wf.zeros_like, X, dtype="float32"),
        "ones_like": call(wf.ones_like, X, dtype="float32"),
        "full_like": call(wf.full_like, X, 1.5, dtype="float32"),
        "iota": call(wf.iota, (3, 4), axis=0, dtype="int64"),
        "arange": call(wf.arange, 0, 5, 1, dtype="int64"),
        "eye": call(wf.eye, 3, 4, k=0, dtype="float32"),
        "one_hot": call(wf.one_hot, LABELS, 3, dtype="float32"),
    }


def _moved() -> dict[str, Call]:
    return {
        "reshape": call(wf.reshape, X, (4, 3)),
        "ravel": call(wf.ravel, X),
        "flatten": call(wf.flatten, X, start=0),
        "transpose": call(wf.transpose, X, axes=(1, 0)),
        "swapaxes": call(wf.swapaxes, X, 0, 1),
        "moveaxis": call(wf.moveaxis, X, 0, 1),
        "broadcast_to": call(wf.broadcast_to, V, (3, 4)),
        "squeeze": call(wf.squeeze, wf.zeros((1, 3)), axis=0),
        "expand_dims": call(wf.expand_dims, X, 0),
        "flip": call(wf.flip, X, axis=0),
        "roll": call(wf.roll, X, 1, axis=0),
        "diagonal": call(wf.diagonal, X, offset=0, axis1=0, axis2=1),
        "diag": call(wf.diag, X, k=0),
        "sliding_windows": call(wf.sliding_windows, X, 2, axis=0, stride=1, dilation=1),
        "pad": call(wf.pad, X, 1, value=0, mode="constant"),
        "concatenate": call(wf.concatenate, [X, X], axis=0),
        "stack": call(wf.stack, [X, X], axis=0),
        "split": call(wf.split, X, 3, axis=0),
        "tile": call(wf.tile, X, (2, 2)),
        "repeat": call(wf.repeat, X, 2, axis=0),
        "take": call(wf.take, X, LABELS - LABELS, axis=0),
        "take_along_axis": call(wf.take_along_axis, X, wf.iota((3, 2), 1), axis=1),
        "index_set": call(wf.index_set, X, 0, 1.0),
        "index_add": call(wf.index_add, X, 0, 1.0),
        "nonzero": call(wf.nonzero, X),
        "sort": call(wf.sort, X, axis=0),
        "argsort": call(wf.argsort, X, axis=0),
        "cumsum": call(wf.cumsum, X, axis=0),
        "cumprod": call(wf.cumprod, X, axis=0),
        "diff": call(wf.diff, X, n=1, axis=0),
        "topk": call(wf.topk, X, 2, axis=0),
        "cast": call(wf.cast, X, "float64"),
        "round": call(wf.round, X),
        "elu": call(wf.elu, X, alpha=0.5),
        "leaky_relu": call(wf.leaky_relu, X, slope=0.5),
        "sinc": call(wf.sinc, X),
    }


def _matrices() -> dict[str, Call]:
    one = (wf.cholesky, wf.det, wf.eigh, wf.inv, wf.qr, wf.slogdet, wf.svd, wf.trace)
    found = {f.__name__: call(f, wf.eye(4) + SQUARE * 0.01) for f in one}
    return found | {
        "matmul": call(wf.matmul, X, V),
        "dot": call(wf.dot, X, V),
        "outer": call(wf.outer, V, V),
        "tensordot": call(wf.tensordot, X, X, axes=2),
        "einsum": call(wf.einsum, "ij,ij->i", X, X),
        "solve": call(wf.solve, wf.eye(4), V),
        "solve_triangular": call(wf.solve_triangular, wf.eye(4), V, lower=False),
        "tril": call(wf.tril, X, k=0),
        "triu": call(wf.triu, X, k=0),
    }


def _rows() -> dict[str, Call]:
    return {
        "softmax": call(wf.softmax, X, axis=-1),
        "log_softmax": call(wf.log_softmax, X, axis=-1),
        "pick": call(wf.pick, X, LABELS),
        "crossentropy": call(wf.crossentropy, X, LABELS),
        "binary_crossentropy": call(wf.binary_crossentropy, X, X),
        "batch_norm": call(wf.batch_norm, X, V, V, axes=0, eps=1e-5),
        "layer_norm": call(wf.layer_norm, X, V, V, axes=-1, eps=1e-5),
        "local_response_norm": call(wf.local_response_norm, IMAGES, n=3, k=2.0, alpha=1e-4, beta=0.75, axis=1),
        "dropout": call(wf.dropout, X, 0.5, STREAM, training=True),
    }


def _control() -> dict[str, Call]:
    scan_options = {"xs": LONG, "length": None, "reverse": False, "unroll": 1, "until": None, "checkpoint_every": None}
    return {
        "scan": call(wf.scan, lambda c, x: (c + x, c), 0.0, non_sequences=(), **scan_options),
        "while_loop": call(wf.while_loop, lambda c: c < 3, lambda c: c + 1, 0, max_steps=5),
        "cond": call(wf.cond, B, 1.0, 2.0),
        "callback": call(wf.callback, np.sin, X.type, X, vjp=lambda g, out, x: g, name="sine", effects=False),
        "elementwise": call(wf.elementwise, lambda x: x + 1),
        "custom_gradient": call(wf.custom_gradient, lambda x: x, lambda g, out, x: g),
    }


def _derivatives() -> dict[str, Call]:
    return {
        "grad": call(wf.grad, LOSS, [W, BIAS], known_cotangents=None, disconnected="raise"),
        "value_and_grad": call(wf.value_and_grad, LOSS, [W, BIAS], disconnected="raise"),
        "vjp": call(wf.vjp, X, [X], [X], disconnected="zero"),
        "jvp": call(wf.jvp, X, [X], [X], disconnected="zero"),
        "jacobian": call(wf.jacobian, wf.exp(V), V),
        "hessian": call(wf.hessian, (V**3.0).sum(), V),
        "hvp": call(wf.hvp, (V**3.0).sum(), V, V),
        "stop_gradient": call(wf.stop_gradient, X),
    }


def _to_svg(outputs: Any) -> str:
    try:
        return wf.to_svg(outputs)
    except ImportError:  # Graphviz is optional
        return ""


def _graphs() -> dict[str, Call]:
    return {
        "evaluate": call(wf.evaluate, V + 1, {V: np.ones(4)}),
        "apply": call(wf.apply, wf.exp(X).op, X),
        "items": call(wf.items, SEVERAL),
        "to_dot": call(wf.to_dot, [X]),
        "to_svg": call(_to_svg, [X]),
        "to_python": call(wf.to_python, [X]),
        "to_sympy": call(wf.to_sympy, wf.exp(V[0]), {}, form="elements"),
        "latex": call(wf.latex, wf.exp(V), {}, bold=False),
        "verify": call(wf.verify, wf.Graph((X,), (X + 1,))),
        "check_grad": call(wf.check_grad, wf.exp(V), V, {V: np.ones(4)}, order=1, rtol=1e-5, atol=1e-7, seed=0),
    }


def _compiled() -> dict[str, Call]:
    f = wf.function([V], V + 1)
    options = {"target": "cpu", "optimize": 0, "on_unused_input": "raise"}
    options |= {"downcast": False, "nan": "ignore", "inf": "ignore"}
    return {
        "function": call(wf.function, [V], V + 1, updates={}, givens={}, name="f", **options),
        "doctor": call(wf.doctor, f),
        "check_rule": call(wf.check_rule, DOUBLE, count=1, limits=False, seed=0),
        "compare_gradients": call(wf.compare_gradients, LOSS, [W, BIAS], GRADS_OF_X, {X: np.ones((3, 4))}, rtol=1e-3),
        "Function.call": call(f, np.ones(4, np.float32)),
        "Function.bind": call(f.bind, np.ones(4, np.float32), out=np.zeros(4, np.float32)),
        "Function.explain": call(f.explain, "graph"),
        "Function.profile": call(f.profile, np.ones(4, np.float32), repeat=1),
    }


GRADS_OF_X = [np.full((4, 2), 3.0), np.full(2, 3.0)]


def _draws() -> dict[str, Call]:
    return {
        "Stream.seed": call(wf.random.Stream().seed, 3),
        "Stream": call(wf.random.Stream, 3),
        "Stream.bits": call(STREAM.bits, (3,), blocks=1),
        "Stream.uniform": call(STREAM.uniform, (3,), low=0.0, high=2.0, dtype="float32"),
        "Stream.normal": call(STREAM.normal, (3,), mean=0.0, std=2.0, dtype="float32"),
        "Stream.bernoulli": call(STREAM.bernoulli, 0.5, (3,), dtype="bool"),
        "Stream.integers": call(STREAM.integers, 0, 5, (3,), dtype="int64"),
    }


def _expressions() -> dict[str, Call]:
    return {
        "Expr.getitem": call(X.__getitem__, 0),
        "Expr.astype": call(X.astype, "float64"),
        "Expr.reshape": call(X.reshape, 4, 3),
        "Expr.transpose": call(X.transpose, (1, 0)),
        "Expr.set_value": call(wf.shared(np.ones(3), "w").set_value, np.ones(3)),
        "Expr.get_value": call(W.get_value, borrow=True),
        "Expr.clip": call(X.clip, 0, 1),
        "Expr.round": call(X.round),
        "Expr.add": call(X.__add__, 1),
        "Expr.matmul": call(X.__matmul__, W),
        "Expr.pow": call(X.__pow__, 2),
        "Expr.lt": call(X.__lt__, 2),
        "Expr.eq": call(X.__eq__, 2),
        "Expr.eval": call((V + 1).eval, {V: np.ones(4)}),
    }


CALLS: dict[str, Call] = {
    **_elementwise(),
    **_convolutions(),
    **_pools(),
    **_reductions(),
    **_made(),
    **_moved(),
    **_matrices(),
    **_rows(),
    **_control(),
    **_derivatives(),
    **_graphs(),
    **_compiled(),
    **_draws(),
    **_expressions(),
}


class Thing:
    """Something that weft knows nothing of."""

    def __repr__(self) -> str:
        return "<thing>"


WRONG: dict[str, Any] = {
    "None": None,
    "a string": "a",
    "an empty string": "",
    "a name": "abc",
    "a dtype's name": "int8",
    "bytes": b"a",
    "half": 0.5,
    "one and a half": 1.5,
    "minus one": -1,
    "minus two": -2,
    "nought": 0,
    "three": 3,
    "seven": 7,
    "large": 2**45,
    "far": 2**63,
    "beyond": 2**70,
    "far below": -(2**63) - 1,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "complex": 1j,
    "True": True,
    "False": False,
    "NumPy's half": np.float64(0.5),
    "NumPy's True": np.True_,
    "an empty list": [],
    "an empty tuple": (),
    "an empty dict": {},
    "a set": {1},
    "a list of a string": ["a"],
    "a list of None": [None],
    "a tuple of floats": (1.5, 2.5),
    "a tuple of numbers": (7, 7),
    "a tuple below nought": (-2, -3),
    "a ragged list": [[1, 2], [3]],
    "a dict": {"a": 1},
    "a dict of numbers": {0: 1},
    "a thing": Thing(),
    "a class": Thing,
    "a function": lambda *args: None,
    "a function of nothing": lambda: 1,
    "a slice": slice(0, 2),
    "an ellipsis": Ellipsis,
    "a dtype": np.dtype("int16"),
    "strings": np.array(["a", "b"]),
    "objects": np.array([None, {}], dtype=object),
    "an empty array": np.zeros(0, np.float32),
    "an array of floats": np.ones((2, 2)),
    "an array of complex numbers": np.ones(2, complex),
    "an array of dates": np.array(["2020-01-01"], "datetime64[D]"),
    "an array of flags": np.array([True, False]),
    "a generator": np.random.default_rng(0),
    "a scalar": wf.scalar("s"),
    "an integer": wf.scalar("i", dtype="int64"),
    "a flag": wf.scalar("f", dtype="bool"),
    "a vector": wf.vector("five", (5,)),
    "integers": wf.vector("several", (3,), "int32"),
    "many axes": wf.tensor("many", (1, 2, 1, 1, 2, 1)),
    "a size": ANY.shape[0],
    "several values": SEVERAL,
    "a list of expressions": [X, V],
}
