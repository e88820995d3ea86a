"""Files that are damaged or made to harm: a WeftError each time, and never anything else."""

import copy
import json
import random
import zipfile

import numpy as np
import pytest

import weft as wf
from weft.exchange.programs.archive import GRAPH
from weft.exchange.programs.reading import GraphReader

from ...sampling import rarely
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
    except MemoryError:  # the reference asks NumPy for as much as the file says
        return "memory"
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


@pytest.mark.parametrize("count", [400, rarely(3000)])
@pytest.mark.filterwarnings("ignore")
def test_changed_graphs(tmp_path, count):
    f, given = several()
    assert attack(f, lambda path: try_it(path, *given), tmp_path / "f", count, count) > count / 2


@pytest.mark.slow
@pytest.mark.parametrize("target", ["reference", "cpu"])
@pytest.mark.filterwarnings("ignore")
def test_changed_graphs_whose_types_nobody_compares(tmp_path, monkeypatch, target):
    """What `infer` makes of a file stands alone: types that were changed with the nodes give no other way in."""
    monkeypatch.setattr(GraphReader, "_check_type", lambda reader, node, row: None)
    f, given = several()
    f.save(tmp_path / "f")
    f = wf.load(tmp_path / "f", target=target)
    assert attack(f, lambda path: try_it(path, *given), tmp_path / "f", 600, 3) > 300


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_changed_graphs_with_loops(tmp_path):
    f, given, _ = many()
    assert attack(f, lambda path: try_it(path, **given), tmp_path / "f", 1500, 1) > 500


# ---- bytes -----------------------------------------------------------------------------------------------------------


def simple():
    x, w = wf.vector("x", ("n",)), wf.shared(np.arange(20, dtype="float32"), "w")
    return wf.function([x], [x * 2, w[:3] + wf.constant(np.arange(40.0))[:3]], target="reference", optimize=0)


def test_bytes_that_are_turned(tmp_path):
    f, path, given = simple(), tmp_path / "f", np.ones(2, "float32")
    f.save(path)
    data, rng, expected = path.read_bytes(), random.Random(0), [a.tobytes() for a in f(given)]
    refused = 0
    for _ in range(400):
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            found = wf.load(path)(given)
        except wf.WeftError:
            refused += 1
        else:  # in parts of the archive that nobody reads
            assert [a.tobytes() for a in found] == expected
    assert refused > 200


def test_files_that_are_cut_off(tmp_path):
    f, path = simple(), tmp_path / "f"
    f.save(path)
    data = path.read_bytes()
    for length in range(0, len(data), 37):
        path.write_bytes(data[:length])
        with pytest.raises(wf.ArgumentError):
            wf.load(path)


# ---- what no program says --------------------------------------------------------------------------------------------


def changed(path, change):
    """The file, once something was done to its members or its graph."""
    simple().save(path)
    parts = members(path)
    graph = json.loads(parts[GRAPH])
    change(parts, graph)
    if parts.get(GRAPH, b"").startswith(b"{"):
        parts[GRAPH] = json.dumps(graph).encode()
    write(path, parts)
    return path


def node_of(graph, name):
    return next(row for row in graph["nodes"] if row.get("op") == name)


def npy(array, shape=None, kind=None):
    """An .npy file whose header may say something else than its bytes."""
    header = {"descr": kind or array.dtype.str, "fortran_order": False, "shape": shape or array.shape}
    text = repr(header).encode()
    text += b" " * (64 - (len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + array.tobytes()


def with_array(*given):
    """The file with another array of the variable."""
    return lambda parts, graph: parts.update({"arrays/0.npy": npy(*given)})


def with_slice(**changes):
    """The graph with another node in place of the slice."""
    return lambda parts, graph: node_of(graph, "Slice").update(changes)


def with_fields(**changes):
    """The graph with other parameters of the slice."""
    return lambda parts, graph: node_of(graph, "Slice")["fields"].update(changes)


def with_type(**changes):
    """The graph with another type of the input."""
    return lambda parts, graph: graph["types"][0].update(changes)


ONES = np.ones(20, "float32")
ITSELF = {"op": "StopGradient", "args": [3], "type": 0}
CHANGES = {
    "there is no arrays/0.npy": lambda parts, graph: parts.pop("arrays/0.npy"),
    "is no array": lambda parts, graph: parts.update({"arrays/0.npy": b"import os"}),
    "is float32.1099511627776,., in 80 bytes": with_array(ONES, (1 << 40,)),
    "arrays/0.npy is object": with_array(ONES, (10,), "|O"),
    "neither 0 nor 1": with_array(np.full(20, 2, "uint8"), None, "|b1"),
    "has shape": with_array(np.ones(19, "float32")),
    "There is no op system": with_slice(op="system"),
    "is no op|no words": with_slice(op=None),
    "needs os.system, which is Python": with_slice(python="os.system"),
    "There is no node 99 before this": with_slice(args=[99]),
    "There is no node 3 before this": lambda parts, graph: graph["nodes"].insert(3, ITSELF),
    "does not take 0 arguments": with_slice(args=[]),
    "There is no function __import__": lambda parts, graph: node_of(graph, "Elementwise").update(
        fields={"function": {"function": "__import__"}}
    ),
    "do not lie within axis 0": with_fields(starts=[30]),
    "has no parameter 'shell'": with_fields(shell=True),
    "lacks starts": lambda parts, graph: node_of(graph, "Slice")["fields"].pop("starts"),
    "starts is": with_fields(starts=[1 << 80]),
    "where it was saved": lambda parts, graph: graph["types"][node_of(graph, "Slice")["type"]].update(shape=[5]),
    "no shape": with_type(shape=[-5]),
    "There is no symbol 'm'": with_type(shape=["m"]),
    "not supported": with_type(dtype="complex64"),
    "is no JSON": lambda parts, graph: parts.update({GRAPH: b"[" * 100_000}),
    "no program": lambda parts, graph: parts.pop(GRAPH),
}


@pytest.mark.parametrize("text", CHANGES)
def test_what_does_not_hold_together_is_a_sentence(tmp_path, text):
    path = changed(tmp_path / "f", CHANGES[text])
    with pytest.raises(wf.WeftError, match=text) as error:
        wf.load(path)
    assert str(error.value).startswith(f"load: {path}")
    assert "wf.load(path)" in "".join(error.value.__notes__)


def test_bombs(tmp_path):
    """Members are stored as they are: none grows when it is read."""
    path = tmp_path / "f"
    simple().save(path)
    parts = members(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    with pytest.raises(wf.ArgumentError, match="not stored as it is"):
        wf.load(path)


SIZES = [
    [[1, *["n"] * 40]],
    [[1, {"Max": [[[1, "n"]], [[1, {"Min": [[[1, "n"]], [[3]]]}]]]}]] * 30,
    [[1, {"floor": [[[1, "n"]], [[0]]]}]],
    [[1, {"floor": [[[1, "n"]]]}]],
    [[10**30, "n"]],
    [[1, {"eval": [[[1]], [[2]]]}]],
    [[]],
    {},
    "n + 1",
]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size)[:40])
def test_sizes_out_of_a_file(tmp_path, size):
    """The arithmetic is what it says, or refused: a size of 2, and the n of a call with 2 elements."""

    def change(parts, graph):
        graph["types"].append({"dtype": "float32", "shape": [size]})
        graph["nodes"].append({"input": None, "type": len(graph["types"]) - 1})
        graph["inputs"].append(len(graph["nodes"]) - 1)

    text = try_it(changed(tmp_path / "f", change), np.ones(2, "float32"), np.ones(2, "float32"))
    assert text
