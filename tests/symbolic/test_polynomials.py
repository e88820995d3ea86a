"""The normal form of sizes: against Python's integers, against SymPy, as text and pickled, and in linear time."""

import operator
import pickle
import sys

import numpy as np
import pytest

import weft as wf
from weft.symbolic import identities
from weft.symbolic.dims import SymDim, at_least, maximum, minimum, polynomial_of, restore, same, total_size, value
from weft.symbolic.identities import as_sympy
from weft.symbolic.notation import read

from ..sampling import every

NAMES = ("n", "m", "k")
N, M, K = map(SymDim, NAMES)
STEPS = {
    "+": (operator.add, operator.add),
    "-": (operator.sub, operator.sub),
    "*": (operator.mul, operator.mul),
    "//": (operator.floordiv, operator.floordiv),
    "%": (operator.mod, operator.mod),
    "max": (maximum, max),
    "min": (minimum, min),
}
POINTS = [
    dict(zip(NAMES, sizes, strict=True))
    for sizes in [(0, 0, 0), (1, 1, 1), (0, 1, 5), (7, 0, 2), (3, 4, 6), (12, 5, 1), (10**20 + 7, 30, 4)]
] + [dict(zip(NAMES, map(int, row), strict=True)) for row in np.random.default_rng(1).integers(0, 40, (30, 3))]


def drawn(rng, levels):
    """A tree of random arithmetic on names and numbers of both signs."""
    if not levels or rng.random() < 0.2:
        return str(rng.choice(NAMES)) if rng.random() < 0.6 else int(rng.integers(-4, 7))
    return str(rng.choice(list(STEPS))), drawn(rng, levels - 1), drawn(rng, levels - 1)


def as_size(tree):
    if isinstance(tree, tuple):
        return STEPS[tree[0]][0](*map(as_size, tree[1:]))
    return SymDim(tree) if isinstance(tree, str) else tree


def as_number(tree, sizes):
    """What Python makes of it; None where something is divided by 0."""
    try:
        if isinstance(tree, tuple):
            return STEPS[tree[0]][1](*(as_number(part, sizes) for part in tree[1:]))
    except (ZeroDivisionError, TypeError):
        return None
    return sizes.get(tree, tree)


def sizes_at_random(seed, levels, count):
    """(tree, size), of those that are no numbers and are not divided by 0 wherever one looks."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < count:
        tree = drawn(rng, levels)
        try:
            size = as_size(tree)
        except ZeroDivisionError:
            continue
        if isinstance(size, SymDim) and sum(as_number(tree, point) is not None for point in POINTS) > 10:
            found.append((tree, size))
    return found


@pytest.mark.parametrize(("levels", "count"), [(1, 60), (2, 300), (3, 200), (4, 60)])
def test_random_arithmetic_is_pythons_and_what_is_certain_is_true(levels, count):
    drawn_sizes = sizes_at_random(levels, levels, count)
    others = [*drawn_sizes[1:], drawn_sizes[0]]
    certain = []
    for (tree, size), (other_tree, other) in zip(drawn_sizes, others, strict=True):
        equal, enough = same(size, other), at_least(size, other)
        certain += [equal, enough]
        for point in POINTS:
            number, beside = as_number(tree, point), as_number(other_tree, point)
            if number is not None:
                assert value(size, point) == number, (tree, size, point)
            if number is not None and beside is not None:
                assert equal in (None, number == beside), (size, other, point)
                assert number >= beside or not enough, (size, other, point)
    assert {True, False, None} <= set(certain)


@pytest.mark.parametrize("levels", every(3, [1, 2, 3]))
def test_what_is_equal_everywhere_is_never_said_to_differ(levels):
    """The same size by another way, which may be none that the normal form knows."""
    for tree, size in sizes_at_random(10 + levels, levels, 100):
        ways = {
            "and back": (size + M) - M,
            "twice, halved": (2 * size) // 2,
            "two halves": size // 2 + (size + 1) // 2,
            "quotient and remainder": size // 3 * 3 + size % 3,
            "less what is beyond": size - maximum(size - 5, 0) + maximum(size - 5, 0),
            "larger and smaller": maximum(size, M) + minimum(size, M) - M,
            "of a larger": minimum(size, maximum(size, K)),
        }
        for name, way in ways.items():
            assert same(way, size) is not False, (tree, name)
            for point in POINTS:
                number = as_number(tree, point)
                assert number is None or value(way, point) == number, (tree, name, point)
        assert same(ways["and back"], size)
        assert same(ways["twice, halved"], size)
        assert same(ways["quotient and remainder"], size)


def test_sympy_finds_the_same_numbers_and_no_equality_that_is_missed():
    import sympy

    symbols = {name: sympy.Symbol(name, integer=True, nonnegative=True) for name in NAMES}
    drawn_sizes = sizes_at_random(3, 2, 60)
    for (tree, size), (_, other) in zip(drawn_sizes, [*drawn_sizes[1:], drawn_sizes[0]], strict=True):
        theirs = as_sympy(polynomial_of(size))
        for point in POINTS[4:10]:
            if as_number(tree, point) is not None:
                assert theirs.subs({symbols[name]: n for name, n in point.items()}) == value(size, point), (size, point)
        difference = theirs - as_sympy(polynomial_of(other))
        if sympy.expand(difference) == 0:
            assert same(size, other) is True, (size, other)
        if difference.is_zero is False:
            assert same(size, other) is False, (size, other)


SAME = {
    "n + k - k": (N + K - K, N, "n"),
    "2n / 2": ((2 * N) // 2, N, "n"),
    "a window of 3 with padding 1": ((N + 2 * 1 - 3) // 1 + 1, N, "n"),
    "products": (N * M, M * N, "m*n"),
    "max of one": (maximum(N, N), N, "n"),
    "ceilings": (-(-N // 4), (N + 3) // 4, "floor(n/4 + 3/4)"),
    "nested floors": (N // 2 // 2, N // 4, "floor(n/4)"),
    "nested floors with sums": ((((N - 2) // 2) - 2) // 2, (N + 2) // 4 - 2, "floor(n/4 + 1/2) - 2"),
    "whole terms": ((N + 4) // 2, N // 2 + 2, "floor(n/2) + 2"),
    "small coefficients": ((7 * N + 9 * M) // 4, 2 * N + 2 * M - (N - M + 3) // 4, "2*m + 2*n + floor(m/4 - n/4)"),
    "a negative divisor": (N // -2, -N // 2, "floor(n/2) - n"),
    "quotient and remainder": (N // 3 * 3 + N % 3, N, "n"),
    "every second": ((N + 1) // 2 + N // 2, N, "n"),
    "every third": (total_size([(N + 2) // 3, (N + 1) // 3, N // 3]), N, "n"),
    "a factor of both": ((N * M) // N, M, "m"),
    "whole quotients": ((N * M + 1) // N, M + 1 // N, "m + floor(1/n)"),
    "polynomials": ((N * M + M) // (N + 1), M, "m"),
    "a fraction": (N // (N + 1), 0, "0"),
    "remainders of remainders": (N % 6 % 3, N % 3, "Mod(n, 3)"),
    "bits": (N // 2 % 2, N % 4 // 2, "floor(n/2) - 2*floor(n/4)"),
    "a remainder of sums": ((5 * N + 7) % 3, 2 - (N + 1) % 3, "2 - Mod(n + 1, 3)"),
    "by a size": (N % M, N - M * (N // M), "Mod(n, m)"),
    "sums within extremes": (maximum(N + 1, M + 1), maximum(N, M) + 1, "Max(m, n) + 1"),
    "extremes within extremes": (maximum(maximum(N - 1, M), 3), maximum(M, maximum(3, N - 1)), "Max(3, m, n - 1)"),
    "what is never largest": (maximum(N // 2, N), N, "n"),
    "the first of the first": (minimum(minimum(N, 7), 5), minimum(5, N), "Min(5, n)"),
}
UNLIKE = {  # equal, though the normal forms differ
    "larger and smaller": (maximum(N, M) + minimum(N, M), N + M),
    "the last five": (N - minimum(N, 5), maximum(N - 5, 0)),
    "shifted extremes": (maximum(N - 1, 4) + 1, maximum(N, 5)),
    "multiples of extremes": (maximum(2 * N, 2 * M), 2 * maximum(N, M)),
    "distances": (maximum(N, M) - minimum(N, M), maximum(N - M, M - N)),
    "halves of products": ((N * (N + 1)) // 2 * 2, N * (N + 1)),
    "a common factor, which SymPy finds": ((N * (N + 1)) // (M * (N + 1)), N // M),
}


@pytest.mark.parametrize("name", SAME)
def test_equal_sizes_have_one_form(name):
    left, right, text = SAME[name]
    assert left == right
    assert str(left) == str(right) == text
    assert hash(left) == hash(right)
    assert same(left, right) is True


def test_extremes_that_are_multiplied_are_not_opened():
    size = minimum(N, maximum(K, 1) * (M - 1))
    assert [value(size, {"n": 60, "m": m, "k": k}) for m, k in ((6, 11), (6, 0), (0, 3))] == [55, 5, -3]


@pytest.mark.parametrize("name", UNLIKE)
def test_equal_sizes_of_two_forms_are_the_same(name):
    left, right = UNLIKE[name]
    assert left != right
    assert same(left, right) is True
    assert same(right, left) is True
    assert same(left, right + 1) is False


@pytest.mark.parametrize(
    ("left", "right"),
    [(N, M + 1), (N // 2, M), (N * M, N), ((N + M) // 2, N // 2 + M // 2), (minimum(N, 5), N), (N // M, 1), (N % M, 0)],
)
def test_what_a_call_decides_is_left_open(left, right):
    assert same(left, right) is None
    assert same(right, left) is None


@pytest.mark.parametrize(
    ("left", "right"), [(2 * N, 2 * M + 1), (N, N + M + 1), (N // 2, N + 1), (minimum(N, 3), 4), (N % 4, 4), (6 * N, 4)]
)
def test_what_is_equal_for_no_sizes_differs(left, right):
    assert same(left, right) is False
    assert same(right, left) is False


@pytest.mark.parametrize(
    ("left", "right", "answer"),
    [
        (N // 2, 0, True),
        (N, N // 2, True),
        ((N + 1) // 2, N // 2, True),
        (N // 2 + 1, (N + 1) // 2, True),
        (N % 4, 0, True),
        (3, N % 4, True),
        (N % M, 0, True),
        (M - 1, N % M, True),
        (N // M, 0, True),
        (N, N // M, True),
        (N, minimum(N, 5), True),
        (minimum(40, N), minimum(20, N), True),
        (maximum(N, 5), minimum(N, 5), True),
        (N * maximum(M, 1), N, True),
        (minimum(20, N), minimum(40, N), False),
        (N // 2, N // 3 + 1, False),
        (N * M, N, False),
        ((N - M) * maximum(N, M), 0, False),
        (N // (M - 3), 0, False),
        (-N // 2, 0, False),
        ((maximum(M, K + 10**9) - M) * ((M - N) // 3), 0, False),
        ((maximum(M, K + 10**9) - M) * (N // 3), 0, True),
    ],
)
def test_bounds_tell_what_is_at_least(left, right, answer):
    assert at_least(left, right) is answer


TEXTS = {
    "n": N,
    "n - 1": N - 1,
    "10 - n": 10 - N,
    "m - n": M - N,
    "-n": -N,
    "-m - n - 1": -N - M - 1,
    "2*k*m**2 + 3*n - 4": 2 * K * M * M + 3 * N - 4,
    "floor(3*m/8 + n/8 + 1/4)": (N + 3 * M + 2) // 8,
    "floor((n + 1)/m)": (N + 1) // M,
    "floor(n/(2*m))": N // (2 * M),
    "floor(n/(m + 1))": N // (M + 1),
    "n + Min(3, m) + floor(n/2)": N + N // 2 + minimum(M, 3),
    "Mod(n + 2, m + 1)": (N + 2) % (M + 1),
}


@pytest.mark.parametrize("text", TEXTS)
def test_sizes_are_written_and_read(text):
    assert str(TEXTS[text]) == text
    assert restore(text, text) == TEXTS[text]


def test_any_size_is_read_as_it_is_written():
    for tree, size in sizes_at_random(5, 3, 200):
        assert restore(size.text, size.text) == size, tree


@pytest.mark.parametrize("text", ["ceiling(n/2)", "n @ m", "n.real", "f(n)", "2.5*n"])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match="size"):
        read(text)


@pytest.mark.parametrize("word", ["lambda", "None", "N", "S", "I", "floor", "Max", "größe"])
def test_names_may_be_words_of_python_and_of_sympy(word):
    name = SymDim(word)
    size = maximum((name + 3) // 2, 5) * name
    assert restore(size.text, size.text) == size
    assert size.names == (word,)
    assert pickle.loads(pickle.dumps(size)) == size


def test_names_need_not_be_words():
    name = SymDim("layer 1 (x) - 3_7")
    assert pickle.loads(pickle.dumps(name // 2 - 1)) == name // 2 - 1
    assert value(name // 2 - 1, {name.text: 9}) == 3


def test_pickles_of_equal_sizes_are_equal():
    n, m, k = map(SymDim, ("pickled_n", "pickled_m", "pickled_k"))  # names that no other test has met
    left, right = n // 2 + m * n + minimum(k, 3) - 1, minimum(3, k) - 1 + n * m + n // 2
    assert pickle.dumps(left) == pickle.dumps(right)


@pytest.mark.parametrize(("wrong", "text"), [(lambda: N // 0, r"n // 0"), (lambda: (N + 1) % 0, r"n \+ 1 % 0")])
def test_no_size_is_divided_by_0(wrong, text):
    with pytest.raises(ZeroDivisionError, match=f"^A size cannot be divided by 0: {text}") as caught:
        wrong()
    assert "test_polynomials.py" in "".join(caught.value.__notes__)


def test_sizes_that_look_equal_and_are_not_are_left_open(monkeypatch):
    """Numbers are evidence, and no proof."""
    asked = []
    monkeypatch.setattr(identities, "_is_zero_for_sympy", lambda whole: bool(asked.append(whole)))
    assert same(minimum(N, 10**9), N) is None
    assert len(asked) == 1
    assert value(minimum(N, 10**9), {"n": 10**10}) == 10**9


def calls_of(function, *args):
    """How many functions it calls."""
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        function(*args)
    finally:
        sys.setprofile(None)
    return count


def cut(x, times):
    for _ in range(times):
        x = x[1:]


def joined(x, times):
    wf.concatenate([wf.vector("x") for _ in range(times)])


def dealt(x, times):
    for _ in range(times):
        x = wf.concatenate([x[::2], x[1::2]])


def halved(x, times):
    for _ in range(times):
        x = wf.concatenate([x, x])[::2][1:-1]


def firsts(x, times):
    for i in range(times):
        x = x[:-1][: 5 * times - i]


@pytest.mark.parametrize("program", [cut, joined, dealt, halved, firsts])
def test_graphs_are_written_in_linear_time(program):
    program(wf.vector("x"), 3)
    few, many = (calls_of(program, wf.vector("x"), times) for times in (20, 160))
    assert many < 10 * few
