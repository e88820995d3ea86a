"""Which sizes a function is exported for: what users say, and the sizes of each set."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...symbolic.arguments import check_count
from ...symbolic.errors import ArgumentError, LoweringError, blame, listing, user_site
from .signature import CFunction

Sizes = tuple[int, ...]  # of the symbols of a function, in the order of its parameters
MOST_SETS = 1 << 16
_SHOWN = 8  # numbers that a sentence lists
_EXAMPLE = 'sizes={"batch": range(1, 65)}, or a list of such dicts'


def check_sizes(sizes: Any) -> list[dict[str, Sequence[int]]]:
    """The argument `sizes` as a list of dicts, each name with the numbers that it may be."""
    given = [] if sizes is None else [sizes] if isinstance(sizes, Mapping) else sizes
    if not isinstance(given, list | tuple) or not all(isinstance(one, Mapping) for one in given):
        raise blame(ArgumentError(f"export: sizes is {_EXAMPLE}, not {sizes!r}."), user_site())
    return [{_name(name): _numbers(name, found) for name, found in one.items()} for one in given]


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise blame(ArgumentError(f"export: the keys of sizes are the names of sizes, not {name!r}."), user_site())
    return name


def _numbers(name: str, given: Any) -> Sequence[int]:
    listed = list(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping) else [given]
    found = sorted({check_count("export", f"sizes[{name!r}]", number) for number in listed})
    if not found:
        raise blame(ArgumentError(f"export: sizes[{name!r}] has no number in it."), user_site())
    return found


def check_names(functions: Sequence[CFunction], given: Sequence[Mapping[str, Any]]) -> None:
    """Raise ArgumentError for a name that no function has."""
    known = sorted({name for f in functions for name in (*f.sizes, *f.sizes.values())})
    for name in {name: None for one in given for name in one}:
        if name not in known:
            have = f"they have {listing(known)}" if known else "all sizes are numbers"
            raise blame(ArgumentError(f"export: no function has a size {name!r}; {have}."), user_site())


def size_sets(f: CFunction, given: Sequence[Mapping[str, Sequence[int]]]) -> list[Sizes]:
    """The sets of sizes of a function, in ascending order.

    Raises LoweringError where nothing is said of one of its sizes, ArgumentError for more sets than are taken.
    """
    if not f.sizes:
        return [()]
    found: set[Sizes] = set()
    for one in given:
        ranges = [one.get(symbol, one.get(name)) for symbol, name in f.sizes.items()]
        if None not in ranges:
            found.update(itertools.islice(itertools.product(*filter(None, ranges)), MOST_SETS + 1))
    if not found:
        names = listing(list(f.sizes.values()))
        text = f"export: {f.function.name} has sizes that only a call knows: {names}. An exported function has a plan "
        hint = f"say which: {_EXAMPLE}."
        raise blame(LoweringError(f"{text}for each set of sizes that it may be called with."), user_site(), hint=hint)
    if len(found) > MOST_SETS:
        text = f"export: {f.function.name} is asked for with more than {MOST_SETS} sets of sizes."
        raise blame(ArgumentError(text), user_site())
    return sorted(found)


def describe_sets(f: CFunction, sets: Sequence[Sizes]) -> str:
    """Which sizes these are, in words: `batch 1 to 64, n 3 or 5`."""
    if not f.sizes:
        return "sizes that are numbers"
    values = [sorted(set(column)) for column in zip(*sets, strict=True)]
    text = ", ".join(f"{name} {_describe(found)}" for name, found in zip(f.sizes.values(), values, strict=True))
    whole = len(sets) == len(list(itertools.product(*values)))
    return text if whole else f"{text}, in {len(sets)} sets"


def _describe(numbers: Sequence[int]) -> str:
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]} to {numbers[-1]}"
    shown = [str(n) for n in numbers[:_SHOWN]]
    more = [f"{len(numbers) - _SHOWN} more"] if len(numbers) > _SHOWN else []
    return " or ".join([", ".join([*shown, *more][:-1]), [*shown, *more][-1]] if len(numbers) > 1 else shown)
