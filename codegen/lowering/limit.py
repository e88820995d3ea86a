"""A program that takes no more memory than it may: steps run again rather than keep what they computed.

The steps that are chosen depend on sizes, so a program is planned when these are known: where all are numbers, when it
is compiled, else by the first call with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from ...symbolic.errors import OutOfMemoryError
from .bind import Bound, bind
from .in_place import write_in_place
from .program import Recomputed
from .recompute import Recomputation
from .repeat import repeat_steps
from .timeline import Occurrence, Timeline, occurrences_of, sizes_of
from .working import WorkingMemory

Measure = Callable[[Bound], WorkingMemory]
TRIES = 6  # with less and less for the buffers, where the arena is larger than what stands in it at once


def limit_memory(bound: Bound, limit: int, measure: Measure) -> Bound:
    """The same program within so many bytes of results and temporaries, as a target measures these.

    Raises OutOfMemoryError where that is not to be had, with the least that is.
    """
    return _Limit(bound, limit, measure).find()


class Attempt(NamedTuple):
    """Steps in an order, the program of them, and the bytes of its results and temporaries."""

    occurrences: list[Occurrence]
    bound: Bound
    taken: int


class _Limit:
    def __init__(self, bound: Bound, limit: int, measure: Measure):
        self.bound, self.limit, self.measure = bound, limit, measure
        self.results = sum(result.bytes for result in bound.results)
        working = measure(bound)
        self.occurrences, self.sizes = occurrences_of(bound, working), sizes_of(bound, working)
        self.search = Recomputation(bound.program, self.occurrences, self.sizes)
        self.whole = self.attempt(self.occurrences)

    def find(self) -> Bound:
        """The program that costs least of those that were found within the limit."""
        return self.add_plan(self.aim() or self.descend())

    def attempt(self, occurrences: list[Occurrence]) -> Attempt:
        """The program of these occurrences."""
        program = write_in_place(repeat_steps(self.bound.program, occurrences))
        bound = bind(program, self.bound.sizes)
        return Attempt(occurrences, bound, self.measure(bound).arena + self.results)

    def aim(self) -> Attempt | None:
        """The first program within the limit; None where none is found.

        The arena may be larger than what stands in it at once, since it has gaps, or smaller, where one buffer takes
        another's place; that is known when it is laid out.
        """
        found = self.whole
        for _ in range(TRIES):
            if found.taken <= self.limit:
                return found
            above = found.taken - self.limit
            occurrences = self.search.within(Timeline(found.occurrences, self.sizes).peak - above, found.occurrences)
            if occurrences is None:
                break
            found = self.attempt(occurrences)
        return None

    def descend(self) -> Attempt:
        """Of programs that take less and less one within the limit; the last of them takes the least that is found."""
        orders = list(self.search.descend())
        found = self.attempt(orders[-1])
        if found.taken > self.limit:
            raise self.refuse(found.taken)
        low, high = 0, len(orders) - 1
        while low < high:
            middle = (low + high) // 2
            attempt = self.attempt(orders[middle])
            if attempt.taken <= self.limit:
                found, high = attempt, middle
            else:
                low = middle + 1
        return found

    def add_plan(self, found: Attempt) -> Bound:
        """The program with the plan in it."""
        program = found.bound.program
        pairs = list(zip(found.occurrences, program.steps, strict=True))
        steps = tuple(step for one, step in pairs if one.again)
        work = sum(one.cost for one in self.occurrences)
        more = sum(one.cost for one, _ in pairs if one.again)
        plan = Recomputed(self.limit, self.whole.taken, found.taken, steps, more / work if work else 0.0)
        return replace(found.bound, program=replace(program, recomputed=plan))

    def refuse(self, least: int) -> OutOfMemoryError:
        """The error where the limit cannot be met."""
        return OutOfMemoryError(
            f"max_memory={self.limit}: the results and temporaries of a call take {self.whole.taken} bytes, and the "
            f"least that was found, with values computed again rather than kept, is {least}."
        )
