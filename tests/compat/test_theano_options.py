"""Options of Theano's functions in pairs, against NumPy: axes, modes, numbers, dtypes; what is copied and what is kept.

The layer translates to weft's expressions, so they are run by the reference evaluator, without compiling anything.
"""

import itertools

import numpy as np
import pytest

import weft as wf
import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812

RNG = np.random.default_rng(0)
M = np.array([[-2.5, -0.5, 0.0, 1.5], [0.5, 2.5, -1.5, 1.0], [3.0, 0.0, -1.0, -2.0]])  # halves, zeros, both signs
C = RNG.permutation(24).reshape(2, 3, 4) - 11.5
PLACES = np.array([[-2, 5], [1, -7]])


def values(outputs, given):
    """The arrays of variables, given {variable: array}."""
    return wf.evaluate([v.expr for v in outputs], {x.expr: np.asarray(v, x.dtype) for x, v in given.items()})


# ---- tables: what is written, and what NumPy gives for it ------------------------------------------------------------

AXES = {
    f"T.{name}(c, axis={axis}, {option}={value!r})": lambda m, c, i, name=name, axis=axis, option=option, value=value: (
        by_place if isinstance(axis, tuple) and name.startswith("arg") else by_axes
    )(name, c, axis, **{option: value})
    for (name, option, value), axis in itertools.product(
        [
            *((n, "keepdims", True) for n in ("sum", "prod", "mean", "max", "min", "var", "std", "argmax", "argmin")),
            ("argmax", "keepdims", False),
            ("var", "ddof", 1),
            ("std", "ddof", 2),
            ("sum", "dtype", "float32"),
            ("prod", "dtype", "float32"),
        ],
        (None, 1, -1, (0, 2), (-1, 0)),
    )
} | {
    f"T.max_and_argmax(c, {axis}, keepdims={kept})[{k}]": lambda m, c, i, name=name, axis=axis, kept=kept: (
        by_place if isinstance(axis, tuple) and name == "argmax" else by_axes
    )(name, c, axis, keepdims=kept)
    for (k, name), axis, kept in itertools.product(((0, "max"), (1, "argmax")), (None, -2, (2, 1)), (False, True))
}
NORMS = {
    f"c.norm({L}, axis={axis}, keepdims={kept})": lambda m, c, i, L=L, axis=axis, kept=kept: by_norm(c, L, axis, kept)
    for L, axis, kept in itertools.product((0, 1, 2, 3, "np.inf"), (None, -1, (0, 2)), (False, True))
}
TAKEN = {
    f"T.take(c, i, axis={axis}, mode={mode!r})": lambda m, c, i, axis=axis, mode=mode: np.take(c, i, axis, mode=mode)
    for axis, mode in itertools.product((None, 0, 1, 2, -1), ("wrap", "clip"))
}
DIAGONALS = {
    f"c.diagonal({k}, {a}, {b})": lambda m, c, i, k=k, a=a, b=b: c.diagonal(k, a, b)
    for k, (a, b) in itertools.product((-2, -1, 0, 1, 3), ((0, 1), (1, 2), (2, 0), (-1, -2)))
} | {f"T.diag(m[0], {k})": lambda m, c, i, k=k: np.diag(m[0], k) for k in (-2, 0, 1)}
ROLLED = {
    f"T.roll(c, {shift}, axis={axis})": lambda m, c, i, shift=shift, axis=axis: np.roll(c, shift, axis)
    for shift, axis in itertools.product((-1, 9), (None, 1, -1))
}
REPEATED = {
    f"T.repeat(c, {counts}, axis={axis})": lambda m, c, i, counts=counts, axis=axis: np.repeat(c, counts, axis)
    for counts, axis in ((2, None), (2, -2), ([2, 0, 1], 1), ([1, 0, 2, 1], -1), ([0, 2], 0))
} | {f"T.tile(c, {reps})": lambda m, c, i, reps=reps: np.tile(c, reps) for reps in ((2,), (2, 1), (2, 1, 1, 3))}
SORTED = {
    "T.searchsorted(T.sort(m[0]), c)": lambda m, c, i: np.searchsorted(np.sort(m[0]), c),
    "T.searchsorted(T.sort(m[0]), m, side='right')": lambda m, c, i: np.searchsorted(np.sort(m[0]), m, "right"),
    "T.searchsorted(m[2], m, side='left', sorter=T.argsort(m[2]))": lambda m, c, i: np.searchsorted(
        m[2], m, "left", np.argsort(m[2])
    ),
    "T.searchsorted(m[2], m, side='right', sorter=T.argsort(m[2]))": lambda m, c, i: np.searchsorted(
        m[2], m, "right", np.argsort(m[2])
    ),
    "T.sort(c, axis=None)": lambda m, c, i: np.sort(c, None),
    "T.argsort(c, axis=-2)": lambda m, c, i: np.argsort(c, -2, kind="stable"),
    "T.topk(c, 2, axis=1)": lambda m, c, i: np.sort(c, 1)[:, :-3:-1],
    "T.argtopk(c, 2, axis=0)": lambda m, c, i: np.argsort(c, 0)[::-1],
    "T.bincount(i.ravel() % 5)": lambda m, c, i: np.bincount(i.ravel() % 5),
    "T.bincount(i.ravel() % 5, minlength=9)": lambda m, c, i: np.bincount(i.ravel() % 5, minlength=9),
    "T.bincount(i.ravel() % 5, weights=m[0])": lambda m, c, i: np.bincount(i.ravel() % 5, m[0]),
}
ELEMENTS = {
    "T.round(m)": lambda m, c, i: np.round(m),
    "T.round(m, 'half_away_from_zero')": lambda m, c, i: np.sign(m) * np.floor(np.abs(m) + 0.5),
    "T.round(T.constant([0.5 - 2**-54, 2.0**52 + 1, -0.5, np.inf, np.nan]), 'half_away_from_zero')": lambda m, c, i: [
        0,
        2.0**52 + 1,
        -1,
        np.inf,
        np.nan,
    ],
    "T.round(i, 'half_away_from_zero')": lambda m, c, i: i,
    "T.iround(m)": lambda m, c, i: np.round(m).astype("int64"),
    "T.iround(m, 'half_away_from_zero')": lambda m, c, i: (np.sign(m) * np.floor(np.abs(m) + 0.5)).astype("int64"),
    "T.iround(m, mode='half_away_from_zero')": lambda m, c, i: np.trunc(m + np.sign(m) / 2).astype("int64"),
    "T.isclose(m, m * 1.4, rtol=0.3)": lambda m, c, i: np.isclose(m, m * 1.4, rtol=0.3),
    "T.isclose(m * 1.4, m, rtol=0.3)": lambda m, c, i: np.isclose(m * 1.4, m, rtol=0.3),
    "T.isclose(m, m + 1e-6, atol=1e-5)": lambda m, c, i: np.isclose(m, m + 1e-6, atol=1e-5),
    "T.isclose(m / 0, m / 0)": lambda m, c, i: np.isclose(m / 0, m / 0),
    "T.isclose(m / 0, m / 0, equal_nan=True)": lambda m, c, i: np.isclose(m / 0, m / 0, equal_nan=True),
    "T.isclose(m / 0, -m / 0, equal_nan=True)": lambda m, c, i: np.isclose(m / 0, -m / 0, equal_nan=True),
    "(i.choose([i, i * 10], mode='wrap'))": lambda m, c, i: np.choose(i, [i, i * 10], mode="wrap"),
    "(i.choose([i, i * 10], mode='clip'))": lambda m, c, i: np.choose(i, [i, i * 10], mode="clip"),
    "T.cumsum(c)": lambda m, c, i: np.cumsum(c),
    "T.cumprod(c, axis=-2)": lambda m, c, i: np.cumprod(c, -2),
    "T.extra_ops.diff(c, 2, axis=1)": lambda m, c, i: np.diff(c, 2, 1),
    "T.extra_ops.compress([0, 1, 1], m, axis=0)": lambda m, c, i: m.compress([0, 1, 1], 0),
    "T.extra_ops.compress([0, 1, 1, 0, 1], m)": lambda m, c, i: m.compress([0, 1, 1, 0, 1]),
    "(m[0] > -1).compress(m, axis=-1)": lambda m, c, i: m.compress(m[0] > -1, -1),
    "T.nonzero(m, return_matrix=True)": lambda m, c, i: np.array(np.nonzero(m)),
    "T.fill_diagonal(m[:, :2], 9.0)": lambda m, c, i: filled(m[:, :2], 9.0),
    "T.fill_diagonal(m, 9.0)": lambda m, c, i: filled(m, 9.0),
    "T.nnet.relu(m, -0.5)": lambda m, c, i: np.where(m > 0, m, -0.5 * m),
    "T.nnet.elu(m, 0.5)": lambda m, c, i: np.where(m > 0, m, 0.5 * np.expm1(m)),
    "T.set_subtensor(c[::-2, 1:, [-1, 0]], 0.0)": lambda m, c, i: written(c, np.s_[::-2, 1:, [-1, 0]], 0.0),
    "T.inc_subtensor(c[:, [1, 1, -1]], 2.0)": lambda m, c, i: added(c, np.s_[:, [1, 1, -1]], 2.0),
    "T.inc_subtensor(c[:, [1, 1, -1]], 2.0, set_instead_of_inc=True)": lambda m, c, i: written(
        c, np.s_[:, [1, 1, -1]], 2.0
    ),
    "c.dimshuffle(-1, 'x', 0, -2)": lambda m, c, i: c.transpose(2, 0, 1)[:, None],
    "c.flatten(2)": lambda m, c, i: c.reshape(2, 12),
    "c.swapaxes(-1, 0)": lambda m, c, i: c.swapaxes(-1, 0),
    "T.stack([m, m], axis=-1)": lambda m, c, i: np.stack([m, m], -1),
    "T.concatenate([c, c[:, :1]], axis=-2)": lambda m, c, i: np.concatenate([c, c[:, :1]], -2),
    "T.batched_tensordot(c, c, [[2], [2]])": lambda m, c, i: np.einsum("bij,bkj->bik", c, c),
    "T.eye(3, 4, -1)": lambda m, c, i: np.eye(3, 4, -1),
    "T.eye(3)": lambda m, c, i: np.eye(3),
    "T.tril(m)": lambda m, c, i: np.tril(m),
    "T.triu(m)": lambda m, c, i: np.triu(m),
    "T.cumprod(c)": lambda m, c, i: np.cumprod(c),
    "T.tensordot(c, m)": lambda m, c, i: np.tensordot(c, m),
    "T.sort(c)": lambda m, c, i: np.sort(c),
    "T.roll(c, 2)": lambda m, c, i: np.roll(c, 2),
    "T.tril(m, -1)": lambda m, c, i: np.tril(m, -1),
    "T.triu(m, -1)": lambda m, c, i: np.triu(m, -1),
}
MADE = {
    "T.as_tensor_variable(m, ndim=4)": lambda m, c, i: m[None, None],
    "T.as_tensor_variable([1, 300], ndim=2)": lambda m, c, i: np.array([[1, 300]], "int16"),
    "T.constant([1.5, 2.5], ndim=3)": lambda m, c, i: np.array([[[1.5, 2.5]]]),
    "T.constant([1, 2], dtype='float32')": lambda m, c, i: np.array([1, 2], "float32"),
    "T.identity_like(m)": lambda m, c, i: np.eye(3, 4),
    "T.identity_like(i)": lambda m, c, i: np.eye(2, dtype="int64"),
    "T.identity_like(m[:, :2].astype('float32'))": lambda m, c, i: np.eye(3, 2, dtype="float32"),
    "T.zeros_like(m, dtype='int8')": lambda m, c, i: np.zeros((3, 4), "int8"),
    "T.ones_like(i)": lambda m, c, i: np.ones((2, 2), "int64"),
    "T.fill(m, i[0, 0])": lambda m, c, i: np.full((3, 4), i[0, 0]),
    "T.alloc(m[0], 2, 3, 4)": lambda m, c, i: np.broadcast_to(m[0], (2, 3, 4)),
    "T.alloc(m[:, 1].dimshuffle(0, 'x'), *m.shape)": lambda m, c, i: np.broadcast_to(m[:, 1:2], (3, 4)),
    "T.tri(3, 4, 1)": lambda m, c, i: np.tri(3, 4, 1),
    "T.tri(4, 3, -1, dtype='int32')": lambda m, c, i: np.tri(4, 3, -1, "int32"),
    "T.to_one_hot(i[0] % 4, 4, dtype='int8')": lambda m, c, i: np.eye(4, dtype="int8")[i[0] % 4],
    "T.arange(i[0, 1], i[0, 0], -3)": lambda m, c, i: np.arange(5, -2, -3),
    "T.arange(m[2, 2], 2.0, 0.75)": lambda m, c, i: np.arange(-1, 2, 0.75),
    "T.arange(2, 7, 2, dtype='float32')": lambda m, c, i: np.arange(2, 7, 2, "float32"),
}
BROADCAST = {
    "T.addbroadcast(m[:, :1], -1) * m": lambda m, c, i: m[:, :1] * m,
    "T.addbroadcast(m[:1, :1], 0, -1) * m": lambda m, c, i: m[0, 0] * m,
    "T.patternbroadcast(c[:1, :, :1], (True, False, True)) * c": lambda m, c, i: c[:1, :, :1] * c,
    "T.flatten(c, outdim=2)": lambda m, c, i: c.reshape(2, 12),
    "T.flatten(c, ndim=3)": lambda m, c, i: c,
    "c.flatten()": lambda m, c, i: c.ravel(),
    "T.shape_padaxis(m, -1)": lambda m, c, i: m[..., None],
    "T.shape_padaxis(m, -3)": lambda m, c, i: m[None],
    "T.shape_padleft(m, 2)": lambda m, c, i: m[None, None],
    "T.shape_padright(m)": lambda m, c, i: m[..., None],
    "T.squeeze(m.dimshuffle(0, 'x', 1, 'x'), axis=-1)": lambda m, c, i: m[:, None],
    "m.dimshuffle(0, 'x', 1, 'x').squeeze()": lambda m, c, i: m,
    "m.transpose(-1, 0)": lambda m, c, i: m.T,
    "c.transpose((-1, 0, 1))": lambda m, c, i: c.transpose(2, 0, 1),
    "T.transpose(c, axes=[1, 2, 0])": lambda m, c, i: c.transpose(1, 2, 0),
    "T.split(c, [1, 0, 2], 3, axis=1)[1]": lambda m, c, i: c[:, :0],
    "T.split(c, [1, 0, 2], 3, axis=-2)[2]": lambda m, c, i: c[:, 1:],
    "T.split(c, [3, 1], 2, axis=-1)[0]": lambda m, c, i: c[..., :3],
    "T.join(-1, c, c[..., :1])": lambda m, c, i: np.concatenate([c, c[..., :1]], -1),
    "T.join(1, m, m[:, 1:2].astype('int8'))": lambda m, c, i: np.c_[m, np.trunc(m[:, 1:2])],
    "T.stack([m, i[0, 0] * m], 2)": lambda m, c, i: np.stack([m, i[0, 0] * m], 2),
    "T.stack(tensors=[m, m], axis=1)": lambda m, c, i: np.stack([m, m], 1),
    "T.tile(m, (2, 3), ndim=3)": lambda m, c, i: np.tile(m, (1, 2, 3)),
}
TABLES = {
    "axes": AXES, "norms": NORMS, "taken": TAKEN, "diagonals": DIAGONALS, "rolled": ROLLED, "repeated": REPEATED,
    "sorted": SORTED, "elements": ELEMENTS, "made": MADE, "broadcast": BROADCAST,
}  # fmt: skip


def by_axes(name, x, axis, **options):
    return getattr(np, name)(x, axis=axis, **options)


def by_place(name, x, axis, keepdims):
    """The place among the elements of several axes, in C order."""
    axes = sorted(a % x.ndim for a in axis)
    lines = np.moveaxis(x, axes, range(-len(axes), 0))
    found = getattr(np, name)(lines.reshape(*lines.shape[: -len(axes)], -1), -1)
    return np.expand_dims(found, axes) if keepdims else found


def by_norm(x, L, axis, keepdims):
    size = np.abs(x)
    if L == "np.inf":
        return size.max(axis, keepdims=keepdims)
    return (size**L).sum(axis, keepdims=keepdims) ** (1 / L) if L else (x != 0).sum(axis, keepdims=keepdims)


def filled(x, value):
    out = x.copy()
    np.fill_diagonal(out, value)
    return out


def written(x, key, value):
    out = x.copy()
    out[key] = value
    return out


def added(x, key, value):
    out = x.copy()
    np.add.at(out, key, value)
    return out


@pytest.mark.parametrize("table", TABLES)
def test_options_are_numpys(table):
    m, c, i = T.matrix("m"), T.tensor3("c"), T.lmatrix("i")
    texts = TABLES[table]
    with np.errstate(all="ignore"):
        outputs = [eval(text, {"T": T, "np": np, "m": m, "c": c, "i": i}) for text in texts]
        for (text, reference), out, found in zip(
            texts.items(), outputs, values(outputs, {m: M, c: C, i: PLACES}), strict=True
        ):
            right = np.asarray(reference(M, C, PLACES))
            assert found.shape == right.shape, text
            assert found.dtype == out.dtype, text
            assert out.dtype == right.dtype, text
            np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-12, err_msg=text)


# ---- shared variables ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broadcastable", [(False, False), (False, True), (True, True)])
def test_arrays_are_copied_unless_borrowed(broadcastable):
    given = np.ones((1, 1))
    s = theano.shared(given, "s", broadcastable=broadcastable)
    given[:] = 5  # what was given, what was got, and what is cloned: arrays of their own
    got, other = s.get_value(), s.clone()
    got[:] = 6
    other.set_value(np.full((1, 1), 7.0))
    assert (s.get_value(), s.get_value(borrow=True), s.container.value) == (1, 1, 1)
    new = np.full((1, 1), 3.0)
    s.set_value(new)
    new[:] = 8
    assert (s.get_value(), other.get_value()) == (3, 7)
    assert (other.name, other.type, other.broadcastable) == ("s", s.type, broadcastable)
    s.zero()
    assert s.get_value() == 0


# ---- functions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of_input", [None, False, True])
@pytest.mark.parametrize("of_function", [None, False, True])
def test_an_inputs_own_word_on_conversions_counts_first(of_input, of_function):
    x = T.fvector("x")
    f = theano.function([theano.In(x, allow_downcast=of_input)], x * 2, allow_input_downcast=of_function)
    if of_function if of_input is None else of_input:
        np.testing.assert_array_equal(f(np.array([0.1])), np.array([0.2], "float32"))
    else:
        with pytest.raises(TypeError, match="Bad input argument x"):
            f(np.array([0.1]))


def test_a_copy_of_a_function_keeps_what_it_was_compiled_with():
    x, s, other = T.fvector("x"), theano.shared(np.float32([1.0, 2.0])), theano.shared(3.0)
    counter = theano.shared(0.0)
    counter.default_update = counter + 1
    f = theano.function([x], s * 10 + counter, givens={s: x}, allow_input_downcast=True)
    np.testing.assert_array_equal(f.copy()(np.array([5.0, 6.0])), [50, 60])
    np.testing.assert_array_equal(f.copy(delete_updates=True)(np.array([5.0, 6.0])), [51, 61])
    assert counter.get_value() == 1
    np.testing.assert_array_equal(f.copy(swap={counter: other})(np.array([5.0, 6.0])), [53, 63])
    held = theano.function([], counter * 1, no_default_updates=True)
    assert (held(), held.copy()(), held.copy()(), counter.get_value()) == (1, 1, 1, 1)


# ---- random numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("size", [(2,), (1, 2)])
@pytest.mark.parametrize("named", [False, True])
def test_choices_by_rows_of_probabilities(replace, size, named):
    rows = np.array([[0, 0.5, 0, 0.5], [0.25, 0.75, 0, 0], [0, 0, 0.1, 0.9]] * 20)
    names = np.array([7.0, -1.0, 0.5, 2.0])
    outcomes = names if named else np.arange(4)
    (found,) = values([T.shared_randomstreams.RandomStreams(3).choice(size, names if named else 4, replace, rows)], {})
    assert (found.shape, found.dtype) == ((60, *size), outcomes.dtype)
    drawn = found.reshape(60, -1)
    for row, chosen in zip(rows, drawn, strict=True):
        assert set(chosen) <= set(outcomes[row > 0])
        assert replace or len(set(chosen)) == 2
    assert len({tuple(d) for d in drawn[::3]}) > 1  # rows are drawn for themselves


def test_bounds_and_means_of_draws_may_be_arrays():
    rng, low, high = T.shared_randomstreams.RandomStreams(5), np.array([[-3], [10]]), np.array([-2, 12, 14])
    high = np.maximum(high, low)
    whole, real, spread, few = values(
        [
            rng.random_integers((400, 2, 3), low, high),
            rng.uniform((400, 2, 3), low, high + 1.0),
            rng.normal(avg=low * 10.0, std=np.full((400, 1, 3), 0.5)),
            rng.binomial((400, 2, 3), n=3, p=np.array([0.0, 0.5, 1.0])),
        ],
        {},
    )
    np.testing.assert_array_equal(whole.min(0), np.broadcast_to(low, (2, 3)))
    np.testing.assert_array_equal(whole.max(0), high)
    assert (real >= low).all()
    assert (real < high + 1).all()
    np.testing.assert_allclose(spread.mean((0, 2)), low[:, 0] * 10, atol=0.1)
    np.testing.assert_allclose(spread.std((0, 2)), 0.5, atol=0.05)
    assert few.max((0, 1)).tolist() == [0, 3, 3]
    assert few.min((0, 1)).tolist() == [0, 0, 3]
