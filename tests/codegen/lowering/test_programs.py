"""Whole programs, interpreted as they were fused, ordered and placed: the results are those of the references.

What a step finds in memory is only what its program says is there at that time (`Forgetful`): aliases that are written
over too early, lives that are too short, in loops and branches too, and variables that are written too early are seen.
"""

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu import CPU
from weft.codegen.reference import ReferenceTarget

from ..graphs import PROGRAMS, Program, arguments, compiled
from ..interpreted import interpreted
from .test_in_place_fuzz import STEPS, Drawn

UNFUSED = ReferenceTarget(CPU.fusion._replace(buffers=0, recomputed=0))
SEEDS = range(30)


def check(program, target, arrays, rtol=1e-4):
    """Two calls, the second with what the first left in the variables."""
    function = compiled(program, target)
    variables = [shared for shared, _ in function.source.updates]
    roots = [*function.source.outputs, *(new for _, new in function.source.updates)]
    begun = {shared: shared.get_value() for shared in variables}
    for _ in range(2):
        given = dict(zip(program.inputs, arrays, strict=True))
        wanted = [np.array(value) for value in wf.evaluate(roots, given)] if roots else []
        found, new = interpreted(function, [a.copy() for a in arrays])
        found += [new[shared] for shared in variables]
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol / 10)
    for shared, value in begun.items():
        shared.set_value(value)


@pytest.mark.parametrize("target", [CPU, UNFUSED], ids=["cpu", "unfused"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_give_what_the_references_give(name, target):
    program = PROGRAMS[name]()
    check(program, target, arguments(program))


SIMPLE = [
    "add",
    "mul",
    "where",
    "softmax",
    "less the largest",
    "cumsum",
    "flip",
    "shift",
    "product",
    "sum",
    "write a row",
]


class Controlled(Drawn):
    """Programs some of whose steps are loops and branches, whose bodies take steps of their own."""

    def step(self):
        kind = self.rng.integers(4)
        if kind > 1:
            super().step()
            return
        a, b, c = self.pick(), self.pick(), self.pick()
        first, second = (SIMPLE[self.rng.integers(len(SIMPLE))] for _ in range(2))
        new = (self.loop if kind else self.branch)(first, second, a, b, c)
        self.names[new] = f"t{len(self.pool)}"
        of = ", ".join(self.names[node] for node in (a, b, c))
        self.lines.append(f"{self.names[new]} = {'loop' if kind else 'branch'}({first}, {second}; {of})")
        self.pool.append(new)

    def outputs(self):
        """Some more: what several of them read is where temporaries may stand in results."""
        return [*super().outputs(), *(wf.sin(node) * 2.0 for node in self.pool[-3:]), self.pool[-1]]

    def loop(self, first, second, a, b, c):
        """Three steps from `a`, each of which reads `b` and one of the rows of `c`; the last carry and the stack."""

        def step(carry, row):
            moved = STEPS[first](self, carry, b)
            new = wf.tanh(STEPS[second](self, moved, carry) + row)
            return new, moved + new

        rows = wf.stack([c[0], c[-1] * 0.5, c[0] - 1.0])
        last, stacked = wf.scan(step, a, rows, reverse=bool(self.rng.integers(2)))
        return last + stacked[0] * 0.5 - stacked[-1]

    def branch(self, first, second, a, b, c):
        """One of two bodies that read the same arrays."""
        return wf.cond(
            c[0, -1] > 0,  # which rounding does not decide
            lambda: STEPS[second](self, STEPS[first](self, a, b), a),
            lambda: STEPS[first](self, b, STEPS[second](self, b, c)),
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_programs_drawn_at_random(seed):
    p = Controlled(seed)
    program = Program(p.inputs, p.outputs(), p.updates(), [(p.n, p.m)])
    try:
        check(program, CPU, [p.values()], 1e-7)
    except BaseException as error:
        error.add_note("\n".join([*p.lines, f"({p.n}, {p.m}), {'free' if p.free else 'fixed'} sizes"]))
        raise
