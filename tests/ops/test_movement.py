"""Everything that moves elements, against NumPy: from either end, of size 0 and 1, of sizes that only a call knows."""

import itertools

import numpy as np
import pytest

import weft as wf

RNG = np.random.default_rng(4)
SHAPES = [(2, 3, 4), (1, 3, 1), (0, 2, 3), (3, 0, 1)]
AXES = range(-3, 3)
MOVED = {
    "flip": [(lambda x, a=a: wf.flip(x, a), lambda v, a=a: np.flip(v, a)) for a in (*AXES, (0, -1), (1, 2), ())],
    "transpose": [
        (lambda x, a=a: wf.transpose(x, a), lambda v, a=a: np.transpose(v, a))
        for a in (*itertools.permutations(range(3)), (-1, 0, -2), (-2, -3, -1))
    ],
    "swapaxes": [
        (lambda x, a=a, b=b: wf.swapaxes(x, a, b), lambda v, a=a, b=b: np.swapaxes(v, a, b))
        for a, b in itertools.product(AXES, AXES)
    ],
    "moveaxis": [
        (lambda x, a=a, b=b: wf.moveaxis(x, a, b), lambda v, a=a, b=b: np.moveaxis(v, a, b))
        for a, b in itertools.product(AXES, AXES)
    ],
    "expand_dims": [
        (lambda x, a=a: wf.expand_dims(x, a), lambda v, a=a: np.expand_dims(v, a))
        for a in (0, 2, 3, -1, -4, (0, 2), (4, 1), (-1, -2), (-1, 0), (0, 1, 2))
    ],
    "flatten": [
        (lambda x, a=a: wf.flatten(x, a), lambda v, a=a: v.reshape(*v.shape[:a], int(np.prod(v.shape[a:]))))
        for a in (0, 1, 2)
    ],
    "pad": [
        (lambda x, w=w, c=c: wf.pad(x, w, c), lambda v, w=w, c=c: np.pad(v, w, constant_values=c))
        for w in (0, 2, (1, 2), ((0, 1), (2, 0), (3, 1)), [[1, 0]], np.array([0, 3]))
        for c in (0, 2.5, np.inf)
    ],
    "tile": [
        (lambda x, r=r: wf.tile(x, r), lambda v, r=r: np.tile(v, r))
        for r in (0, 1, 3, (2,), (2, 1), (1, 3, 2), (2, 1, 1, 3), [1, 0, 1], ())
    ],
    "repeat": [
        (lambda x, n=n, a=a: wf.repeat(x, n, a), lambda v, n=n, a=a: np.repeat(v, n, a))
        for n in (0, 1, 3)
        for a in (*AXES, None)
    ],
    "joins": [
        (lambda x, a=a, f=f: f([x, x + 1, x * 2], a), lambda v, a=a, g=g: g([v, v + 1, v * 2], a))
        for f, g in ((wf.concatenate, np.concatenate), (wf.stack, np.stack))
        for a in AXES
    ],
    "cuts": [
        (lambda x, p=p, a=a, i=i: wf.split(x, p, a)[i], lambda v, p=p, a=a, i=i: np.split(v, p, a)[i])
        for p in ([1], [1, 2], [0, 1, 1], [-1], np.array([1, -1]))
        for a in (0, -1, -2)
        for i in (0, -1, 1)
    ],
    "stretching": [
        (lambda x: wf.broadcast_to(x, (2, *x.shape)), lambda v: np.broadcast_to(v, (2, *v.shape))),
        (lambda x: wf.broadcast_to(x[:, :1], x.shape), lambda v: np.broadcast_to(v[:, :1], v.shape)),
    ],
}
SIZED = ("cuts", "stretching")  # of sizes that only a call knows they mean something else, or nothing


@pytest.mark.parametrize("name", MOVED)
def test_the_elements_are_where_numpy_has_them(name):
    for shape, known in itertools.product(SHAPES, (True,) if name in SIZED else (True, False)):
        value = RNG.normal(size=shape)
        x = wf.tensor("x", shape if known else (None,) * 3, "float64")
        cases = [(ours(x), numpys) for ours, numpys in MOVED[name] if accepted(numpys, value)]
        found = wf.evaluate([y for y, _ in cases], {x: value})
        for one, (y, numpys) in zip(found, cases, strict=True):
            wanted = numpys(value)
            assert one.shape == wanted.shape
            np.testing.assert_array_equal(one, wanted)
            if known:
                assert y.shape == wanted.shape


def accepted(function, value):
    """Whether NumPy takes it: cuts behind the end of an empty axis it does not."""
    try:
        function(value)
    except (ValueError, IndexError):
        return False
    return True


def test_squeezing():
    x, value = wf.tensor("x", (1, 3, 1, 2, 1), "float64"), RNG.normal(size=(1, 3, 1, 2, 1))
    for axis in (None, 0, 2, -1, -5, (0, 2), (-1, 0), (4, -3, 0), ()):
        found, wanted = wf.evaluate(wf.squeeze(x, axis), {x: value}), np.squeeze(value, axis)
        assert found.shape == wanted.shape
        np.testing.assert_array_equal(found, wanted)


def test_equal_pieces_of_an_axis_that_a_call_knows():
    value = RNG.normal(size=(2, 6))
    for shape, (parts, axis) in itertools.product(((2, 6), (2, "n"), ("m", "n")), ((3, 1), (2, -1), (1, 0), (2, 0))):
        x = wf.tensor("x", shape, "float64")
        pieces = wf.evaluate(wf.split(x, parts, axis), {x: value})
        for one, other in zip(pieces, np.split(value, parts, axis), strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(wf.GuardError):
        wf.evaluate(wf.split(x, 4, 1), {x: value})


def test_as_often_as_a_size_or_a_value_says():
    x, k = wf.tensor("x", ("n", 2), "float64"), wf.scalar("k", dtype="int32")
    value = RNG.normal(size=(3, 2))
    outputs = [wf.repeat(x, x.shape[0], 1), wf.tile(x, (x.shape[0] - 1, 2))]
    outputs += [wf.repeat(x, k, 0), wf.repeat(x, k), wf.tile(x, k)]
    for often in (2, 0, 3):
        wanted = [
            np.repeat(value, 3, 1),
            np.tile(value, (2, 2)),
            *(np.repeat(value, often, axis) for axis in (0, None)),
            np.tile(value, often),
        ]
        for found, right in zip(wf.evaluate(outputs, {x: value, k: often}), wanted, strict=True):
            np.testing.assert_array_equal(found, right)


def test_shapes_that_fill_themselves():
    x = wf.tensor("x", ("n", 4, "m"), "float64")
    value = RNG.normal(size=(3, 4, 5))
    n, m = x.shape[0], x.shape[2]
    shapes = [
        ((-1, 5), (12, 5)),
        ((n, -1), (3, 20)),
        ((m, -1, n), (5, 4, 3)),
        ((2, -1, 2 * n), (2, 5, 6)),
        ((-1,), (60,)),
    ]
    found = wf.evaluate([wf.reshape(x, shape) for shape, _ in shapes], {x: value})
    for one, (_, wanted) in zip(found, shapes, strict=True):
        np.testing.assert_array_equal(one, value.reshape(wanted))
    with pytest.raises(wf.GuardError):
        wf.evaluate(wf.reshape(x, (-1, 7)), {x: value})
    assert wf.reshape(x, (m, -1, n)).shape == (m, 4, n)


@pytest.mark.parametrize("kinds", [("int8", "uint8"), ("float32", "int64"), ("bool", "float32"), ("int32", "float16")])
def test_joins_promote(kinds):
    values = [np.array([[1, 0, 1]], kinds[0]), np.array([[0, 1, 1]], kinds[1])]
    inputs = [wf.tensor(None, (1, 3), kind) for kind in kinds]
    for ours, numpys in ((wf.concatenate, np.concatenate), (wf.stack, np.stack)):
        found, wanted = wf.evaluate(ours(inputs, 1), dict(zip(inputs, values, strict=True))), numpys(values, 1)
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


def test_shapes_in_every_form():
    x, value = wf.tensor("x", (2, 6), "float64"), RNG.normal(size=(2, 6))
    forms = [wf.reshape(x, 3, 4), wf.reshape(x, (3, 4)), wf.reshape(x, [3, -1]), x.reshape(np.int64(3), np.int32(-1))]
    for y in (*forms, x.reshape((np.int8(3), 4))):
        assert y is forms[0]
    for shape in ((12,), (-1,), (1, 12, 1), (2, -1, 3)):
        np.testing.assert_array_equal(wf.evaluate(wf.reshape(x, shape), {x: value}), value.reshape(shape))
    assert wf.reshape(x, -1) is wf.reshape(x, 12) is wf.ravel(x)
    one = wf.tensor("one", (1, 1), "float64")
    assert wf.evaluate(wf.reshape(one, ()), {one: [[3.0]]}) == 3
    assert wf.evaluate(wf.reshape(wf.reshape(one, ()), (1, -1)), {one: [[3.0]]}).tolist() == [[3]]


def test_what_changes_nothing_is_nothing():
    x, n = wf.tensor("x", ("n", 4)), wf.tensor("n", (2, 1, 3))
    same = [wf.reshape(x, x.shape), wf.broadcast_to(x, x.shape), wf.flatten(x, 1), wf.squeeze(x), wf.squeeze(x, ())]
    same += [wf.transpose(x, (0, 1)), wf.swapaxes(x, 1, -1), wf.moveaxis(x, 1, -1), x[:, ...], wf.expand_dims(x, ())]
    same += [wf.concatenate([x]), wf.cast(x, "float32"), wf.sum(x, ()), wf.diff(x, 0), +x]
    assert all(y is x for y in same)
    assert wf.squeeze(n).shape == (2, 3)
