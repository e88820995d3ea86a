"""Functions drawn at random, whose outputs and updates share arrays, against the references of the same expressions.

What the compiler puts where something else stood before is right only if nobody reads the latter any more: that is
what these functions try to break, with several outputs and updates that use old and new values of each other.
"""

import numpy as np
import pytest

import weft as wf

from ...sampling import every

SMALL, LONG = range(20), range(20, 3020)
SIZES = [(5, 3), (1, 1), (7, 7), (1, 6), (4, 1), (33, 17), (3, 40)]


def steps(a):
    """Values whose order rounding does not decide, as it does between two that are nearly equal."""
    return wf.round(a * 7)


class Drawn:
    """One program: matrices of one shape, that the inputs, variables and expressions made of them have."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.lines = [f"seed {seed}"]
        self.free = bool(self.rng.integers(2))
        self.n, self.m = SIZES[self.rng.integers(len(SIZES))]
        self.dtype = "float64"  # rounding must not decide between the sides of a comparison
        shape = (None, None) if self.free else None
        x = wf.matrix("x", (None, None) if self.free else (self.n, self.m), self.dtype)
        self.inputs = [x]
        self.variables = [
            wf.shared(self.values(), name, shape=shape) for name in ("v", "w", "u")[: self.rng.integers(1, 4)]
        ]
        self.pool = [*self.inputs, *self.variables]
        self.names = {node: node.name for node in self.pool}
        for _ in range(self.rng.integers(3, 14)):
            self.step()

    def values(self):
        return self.rng.normal(size=(self.n, self.m)).astype(self.dtype)

    def pick(self):
        """One of the expressions, the last ones more often."""
        place = min(self.rng.geometric(0.3), len(self.pool))
        return self.pool[-place] if self.rng.random() < 0.7 else self.pool[self.rng.integers(len(self.pool))]

    def step(self):
        kind = list(STEPS)[self.rng.integers(len(STEPS))]
        a, b = self.pick(), self.pick()
        new = STEPS[kind](self, a, b)
        self.names[new] = f"t{len(self.pool)}"
        self.lines.append(f"{self.names[new]} = {kind}({self.names[a]}, {self.names[b]})")
        self.pool.append(new)

    def order(self, axis):
        """A permutation of one axis, as a constant."""
        return np.int64(self.rng.permutation((self.n, self.m)[axis]))

    def outputs(self):
        """What is returned: some of the expressions, and reductions of some."""
        found = []
        for _ in range(self.rng.integers(0, 4)):
            a = self.pick()
            kind = list(ENDS)[self.rng.integers(len(ENDS))]
            found.append(ENDS[kind](a))
            self.lines.append(f"return {kind}({self.names[a]})")
        return found

    def updates(self):
        """A new value for some of the variables, in any order."""
        found = []
        for place in self.rng.permutation(len(self.variables)):
            if self.rng.random() < 0.8 or not found:
                shared, new = self.variables[place], self.pick()
                found.append((shared, new))
                self.lines.append(f"{shared.name} <- {self.names[new]}")
        return found


def split_and_joined(p, a, b):
    cut = int(p.rng.integers(0, p.n + 1))
    return wf.concatenate([a[cut:], b[:cut]])


def shifted(p, a, b):
    """a and b moved by a place along an axis."""
    axis = int(p.rng.integers(2))
    if axis == 0:
        return wf.concatenate([a[1:], b[:1]])
    return wf.concatenate([b[:, -1:], a[:, :-1]], axis=1)


STEPS = {
    "add": lambda p, a, b: a + b * 0.5,
    "mul": lambda p, a, b: wf.tanh(a) * b,
    "where": lambda p, a, b: wf.where(a > b, a, b - 1.0),
    "maximum": lambda p, a, b: wf.maximum(a, b),
    "softmax": lambda p, a, b: wf.softmax(a, 1),
    "softmax of columns": lambda p, a, b: wf.softmax(a + b, 0),
    "centred": lambda p, a, b: a - b.mean(1, keepdims=True),
    "less the largest": lambda p, a, b: a - a.max(0, keepdims=True),
    "one row": lambda p, a, b: wf.sin(a) + b[0],
    "one column": lambda p, a, b: a * 0.5 + wf.expand_dims(b[:, -1], 1),
    "sum": lambda p, a, b: wf.tanh(a + b.sum() * 0.01),
    "cumsum": lambda p, a, b: wf.cumsum(wf.sin(a), 0),
    "cumsum of rows": lambda p, a, b: wf.cumsum(wf.cos(a), 1) + b,
    "flip": lambda p, a, b: wf.flip(a) + b,
    "flip rows": lambda p, a, b: wf.flip(a, 1),
    "take": lambda p, a, b: wf.take(a, p.order(0), 0),
    "take columns": lambda p, a, b: wf.take(a, p.order(1), 1) * 0.5 + b,
    "write a row": lambda p, a, b: wf.index_set(a, int(p.rng.integers(p.n)), b[0]),
    "add to rows": lambda p, a, b: wf.index_add(a, p.order(0)[:2], b[-1]),
    "split": split_and_joined,
    "shift": shifted,
    "product": lambda p, a, b: wf.tanh(wf.tanh(a) @ (wf.tanh(b.T) @ a) * 0.02),
    "transposed": lambda p, a, b: wf.transpose(wf.transpose(a) * 2.0) - b,
    "product of transposed": lambda p, a, b: wf.sin(
        wf.transpose(wf.transpose(wf.tanh(a)) @ wf.tanh(b) @ wf.transpose(b) * 0.02)
    ),
    "padded": lambda p, a, b: wf.pad(a, 1)[1:-1, 2:] + b if not p.free else wf.cumsum(a, 0) + wf.flip(b, 0),
    "places": lambda p, a, b: a + wf.argmax(steps(b), 1, keepdims=True).astype(p.dtype),
    "places in columns": lambda p, a, b: wf.argmin(steps(a), 0).astype(p.dtype) * 0.1 + b,
}

ENDS = {
    "all of": lambda a: a,
    "twice": lambda a: a * 2.0,
    "softmax": lambda a: wf.softmax(a, 1),
    "argmax of rows": lambda a: wf.argmax(a, 1),
    "argmin of columns": lambda a: wf.argmin(a, 0),
    "max": lambda a: a.max(),
    "min of columns": lambda a: a.min(0),
    "sums": lambda a: a.sum(1),
    "transposed": lambda a: wf.transpose(a),
    "every other": lambda a: a[::-2],
    "sorted": lambda a: wf.sort(a, 1),
}


def check(seed):
    """Two calls of a program: outputs and variables are those of the references on the values before the call."""
    p = Drawn(seed)
    outputs, updates = p.outputs(), p.updates()
    program = "\n".join([*p.lines, f"{p.dtype} ({p.n}, {p.m}), {'free' if p.free else 'fixed'} sizes"])
    try:
        f = wf.function(p.inputs, outputs, updates=updates, on_unused_input="ignore")
        for _ in range(2):
            x = p.values()
            if p.free and p.rng.random() < 0.5:
                x = np.asfortranarray(x)
            before = {s: s.get_value() for s in p.variables}
            wanted = wf.evaluate([*outputs, *(new for _, new in updates)], {p.inputs[0]: x})
            wanted = [np.array(w) for w in wanted]
            found = f(x)
            fresh = dict(zip([s for s, _ in updates], wanted[len(outputs) :], strict=True))
            found += [s.get_value() for s in p.variables]
            wanted[len(outputs) :] = [fresh.get(s, before[s]) for s in p.variables]
            assert len(found) == len(wanted)
            for one, other in zip(found, wanted, strict=True):
                assert one.shape == other.shape
                np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)
            for s in p.variables:  # the second call begins where the reference does
                s.set_value(fresh.get(s, before[s]) * 0.5)
    except BaseException as error:
        error.add_note(program)
        raise


@pytest.mark.parametrize("seed", every(2, SMALL))
def test_outputs_and_updates_are_those_of_the_references(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(LONG.start, LONG.stop, 100))
def test_many_more(first):
    for seed in range(first, first + 100):
        check(seed)
