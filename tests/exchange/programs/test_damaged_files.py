"""Files that are damaged or made to harm: a WeftError each time, and never anything else."""

import copy
import json
import random
import zipfile

import numpy as np
import pytest

import weft as wf
from weft.exchange.programs.archive import GRAPH

from .test_programs import many

# what takes the place of a value in a file
VALUES = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    7,
    1 << 40,
    1 << 62,
    -(1 << 62),
    10**30,
    0.5,
    -0.0,
    "",
    "x",
    "n",
    "Loop",
    "sum",
]
VALUES += [
    "float64",
    "bool",
    [],
    [0],
    [0, 0],
    [1, 0],
    [-1],
    [[]],
    {},
    {"size": "n"},
    {"op": "MatMul"},
    {"dtype": "int8"},
]
VALUES += [
    {"bits": "7ff0000000000000"},
    {"inputs": [], "outputs": []},
    [[2, "n", "n"]],
    [[1, {"floor": [[[1, "n"]], [[0]]]}]],
]


def several():
    """A function of ops with many parameters: windows, gathers, loops, reductions."""
    x, i = wf.tensor("x", ("n", 2, 6, 6)), wf.vector("i", (4,), dtype="int64")
    w, m = wf.shared(np.ones((4, 2, 3, 3), "float32"), "w"), wf.matrix("m", (3, 3))
    y = wf.max_pool2d(wf.conv2d(x, w, padding=1), 2)
    z = wf.random.Stream(1).uniform((3,))
    outputs = [y, y[:, i], wf.argmax(m, 1), wf.cumsum(m, 0), wf.sort(m, 1), m[::-1, 1:], wf.inv(m), m.T @ m, z]
    outputs += [
        wf.concatenate([m, m], 1),
        wf.pad(m, 1),
        wf.diagonal(m),
        wf.sliding_windows(m, 2, 0),
        wf.avg_pool2d(x, 2),
    ]
    f = wf.function([x, i, m], outputs, updates={w: w - wf.grad(wf.log(y.sum()), w)}, target="reference", optimize=0)
    rng = np.random.default_rng(0)
    given = rng.standard_normal((2, 2, 6, 6)), np.array([0, 3, 1, -1]), rng.standard_normal((3, 3))
    return f, [given[0].astype("float32"), given[1], given[2].astype("float32")]


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, parts):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def places(value, path=()):
    """Where the values of a graph stand."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def mutate(graph, rng, choice):
    """The graph with a value replaced, left out, exchanged or doubled."""
    new = copy.deepcopy(graph)
    *path, last = choice
    inside = new
    for key in path:
        inside = inside[key]
    way = rng.randrange(5)
    if way == 0 and isinstance(inside, dict):
        del inside[last]
    elif way == 1 and isinstance(inside, list):
        inside.insert(last, inside[rng.randrange(len(inside))])
    elif way == 2 and isinstance(inside, list):
        inside.pop(last)
    elif way == 3 and type(inside[last]) is int:
        inside[last] += rng.choice([-2, -1, 1, 2, 5])
    else:
        inside[last] = copy.deepcopy(rng.choice(VALUES))
    return new


def try_it(path, *given, **named):
    """Load a file and call it, where it can be: whatever goes wrong is a WeftError."""
    try:
        f = wf.load(path)
        f(*given, **named)
    except wf.WeftError as error:
        return str(error)
    return ""


def attack(f, call, path, count, seed):
    """How many of so many changed files were refused."""
    f.save(path)
    parts = members(path)
    graph = json.loads(parts[GRAPH])
    rng = random.Random(seed)
    found = [place for place in places(graph) if place[0] not in ("lines", "name")]
    refused = 0
    for _ in range(count):
        choice = rng.choice(found)
        parts[GRAPH] = json.dumps(mutate(graph, rng, choice)).encode()
        write(path, parts)
        refused += bool(call(path))
    return refused


@pytest.mark.parametrize("count", [120, pytest.param(3000, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore")
def test_changed_graphs(tmp_path, count):
    f, given = several()
    assert attack(f, lambda path: try_it(path, *given), tmp_path / "f", count, count) > count / 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_changed_graphs_with_loops(tmp_path):
    f, given, _ = many()
    assert attack(f, lambda path: try_it(path, **given), tmp_path / "f", 1500, 1) > 500
