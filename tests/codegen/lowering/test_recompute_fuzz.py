"""Functions drawn at random with as little memory as can be: the very bits of those that keep everything.

They run in NumPy, where what is not needed at a time is lost.
"""

import re

import numpy as np
import pytest

import weft as wf

from ..interpreted import interpreted
from .test_in_place_fuzz import Drawn

SMALL, LONG = range(40), range(40, 1040)


def with_least_memory(make):
    """The function with the least memory that is found for it."""
    try:
        return make(1)
    except wf.OutOfMemoryError as error:
        return make(int(re.search(r"is (\d+)\.$", str(error).splitlines()[0]).group(1)))


def check(seed):
    """A call of a program, and one of the same with a limit.  Whether steps ran again."""
    p = Drawn(seed)
    for _ in range(12):  # more that lies idle while something else is computed
        p.step()
    outputs, updates = p.outputs(), p.updates()

    def make(most):
        return wf.function(
            p.inputs, outputs, updates=updates, on_unused_input="ignore", target="reference", max_memory=most
        )

    program = "\n".join([*p.lines, f"{p.dtype} ({p.n}, {p.m})"])
    try:
        x = p.values()
        before = {s: s.get_value() for s in p.variables}
        wanted, changed = interpreted(make(None), [x])
        for s, value in before.items():
            s.set_value(value)
        if p.free:  # planned by the call: then as much as it takes without a limit, less a little, may be too little
            return False
        limited = with_least_memory(make)
        found, new = interpreted(limited, [x])
        for one, other in zip([*found, *new.values()], [*wanted, *changed.values()], strict=True):
            np.testing.assert_array_equal(one, other)
        return bool(limited.bounds()[-1].program.recomputed.steps)
    except BaseException as error:
        error.add_note(program)
        raise


def test_values_are_those_of_functions_that_keep_everything():
    assert sum(map(check, SMALL)) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("first", range(LONG.start, LONG.stop, 100))
def test_many_more(first):
    assert sum(map(check, range(first, first + 100))) >= 10
