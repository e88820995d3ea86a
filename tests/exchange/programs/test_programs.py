"""Functions in files: what comes back gives the same bits, and goes on by itself."""

import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import weft as wf
import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812
from weft import nn
from weft.compat.theano.tensor.shared_randomstreams import RandomStreams
from weft.exchange.programs.archive import GRAPH

from .files import is_same


@pytest.fixture
def travel(tmp_path):
    """What a function is once it was saved and loaded."""

    def save_and_load(f, python=(), **options):
        path = tmp_path / "f.weft"
        assert f.save(path, python=python) == path
        return wf.load(path, python=python, **options)

    return save_and_load


def message(error):
    """All that a user reads."""
    return "\n".join([str(error.value), *error.value.__notes__])


def assert_same(one, other):
    """The same forms, dtypes, shapes and bits."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        one, other = list(one.values()), list(other.values())
    for a, b in zip(one, other, strict=True) if isinstance(one, list | tuple) else [(one, other)]:
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def many():
    """A function with nearly all that a file has to hold, and what it is called with."""
    x, t = wf.matrix("x", ("n", 3)), wf.vector("t", ("n",))
    w = wf.shared(np.array([1.0, -2.0, 3.0], "float32"), "w")
    grows = wf.shared(np.ones(2, "float32"), "grows", shape=(None,))
    stream = wf.random.Stream(7)
    h, hs = wf.scan(lambda h, row: (wf.tanh(h + row * w), h.sum()), wf.zeros((3,)), x)
    steps, _ = wf.while_loop(lambda c: c[1] < 100, lambda c: (c[0] + 1, c[1] * 2), (0, 1 + wf.abs(h[0])), max_steps=9)
    loss = ((x @ w - t) ** 2).mean() + wf.cond(h.sum() > 0, h.sum(), -h.sum())
    outputs = {
        "loss": loss,
        "hs": hs,
        "drawn": stream.normal((4,)),
        "chosen": x[x > 0],
        "steps": steps,
        "size": wf.cast(x.shape[0] + grows.sum(), "int64"),
        7: wf.constant(np.arange(40.0)) * x[0, 0],
    }
    updates = {w: w - wf.grad(loss, w), grows: wf.concatenate([grows, 2 * grows])}
    f = wf.function({"rows": x, "targets": t}, outputs, updates, name="many", downcast=True)
    rng = np.random.default_rng(0)
    return f, {"rows": rng.standard_normal((5, 3)), "targets": rng.standard_normal(5)}, (w, grows)


def test_what_is_loaded_goes_on_by_itself(travel):
    f, given, variables = many()
    f(**given)
    before = [v.get_value() for v in variables]
    g = travel(f)
    found = [g(**given) for _ in range(3)]
    for v, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(v.get_value(), value)
    for results in found:
        assert_same(results, f(**given))
    assert (g.name, g.downcast, g.optimize) == ("many", True, 2)
    again = travel(g)
    assert_same(again(**given), g(**given))


@pytest.mark.parametrize("outputs", ["x", "[x, 2 * x]", "(x,)", "{'a': x, 'b': x + 1}", "[]", "None"])
def test_results_keep_their_form(travel, outputs):
    x, w = wf.vector("x", ("n",)), wf.shared(np.float32(0), "w")
    f = wf.function([x], eval(outputs, {"x": wf.exp(x)}), updates={w: w + x.sum()})
    g = travel(f)
    given = np.array([1.0, np.nan, -np.inf], "float32")
    assert_same(g(given), f(given)) if outputs != "None" else None
    if outputs == "None":
        assert g(given) is None


def test_options_are_kept(travel):
    x = wf.vector("x", ("n",))
    f = wf.function([x], wf.log(x), nan="raise", threads=1, optimize=1, max_memory=1 << 20, name="logs")
    g = travel(f)
    assert g.asked.options == f.asked.options
    with pytest.raises(wf.NotFiniteError, match="log"):
        g(np.array([-1.0], "float32"))
    assert g.source.inputs[0].name == "x"


def test_a_variable_in_two_places_is_one(travel):
    x, w = wf.scalar("x"), wf.shared(np.float32(3), "w")
    g = travel(wf.function([x], [w * x, w + 1], updates={w: w + x}))
    assert [float(v) for v in g(2)] == [6, 4]
    assert [float(v) for v in g(2)] == [10, 6]
    (variable,) = nn.variables(g).values()
    assert variable.name == "w"
    variable.set_value(np.float32(1))
    assert [float(v) for v in g(2)] == [2, 2]
    assert w.get_value() == 3


def test_variables_stay_in_their_order(travel, tmp_path):
    first, second = (wf.shared(np.full(2, i, "float32"), "w") for i in range(2))
    f = wf.function([], second - first)
    assert [v.get_value()[0] for v in nn.variables(travel(f)).values()] == [0, 1]
    nn.save(tmp_path / "weights.npz", f)
    first.set_value(np.full(2, 9, "float32"))
    g = travel(f)
    assert_same(g(), np.full(2, -8, "float32"))
    assert nn.load(tmp_path / "weights.npz", g) == ["w", "w_2"]
    assert_same(g(), np.full(2, 1, "float32"))


def test_streams_draw_on(travel):
    stream = wf.random.Stream(3)
    f = wf.function([], [stream.uniform((5,)), stream.bernoulli(0.5, (9,))])
    f()
    g = travel(f)
    for _ in range(2):
        assert_same(g(), f())


def test_running_averages_come_along(travel):
    x = wf.matrix("x", ("n", 3))
    y = nn.layers.batch_norm(x, True)
    f = wf.function([x], y)
    g = travel(f)
    for i in range(3):
        batch = np.random.default_rng(i).standard_normal((6, 3)).astype("float32")
        assert_same(g(batch), f(batch))
    for mine, its in zip(nn.variables(g).values(), nn.variables(f).values(), strict=True):
        assert_same(mine.get_value(), its.get_value())


def test_givens_are_in_place_and_what_they_assume_is_checked(travel):
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("m",))
    z = wf.exp(x)
    f = wf.function([x, y], z * x, givens={z: y})
    g = travel(f)
    given = np.arange(3, dtype="float32"), np.ones(3, "float32")
    assert_same(g(*given), f(*given))
    with pytest.raises(wf.GuardError):
        g(given[0], np.ones(4, "float32"))


def test_sizes_that_are_values_and_axes_of_variables(travel):
    x, n = wf.vector("x", (None,)), wf.scalar("n", dtype="int64")
    w = wf.shared(np.ones((2, 3), "float32"), "w", shape=(None, "m"))
    gone = wf.shared(np.ones(4, "float32"), "gone", shape=(None,))
    sized = wf.zeros((gone.shape[0],)) + 1
    outputs = [
        wf.arange(n) * 2,
        wf.ones((n,)),
        x[: n - 1],
        wf.zeros((w.shape[0] * 2 + x.shape[0],)),
        sized,
        w.sum(0),
        x[x > x.mean()],
    ]
    f = wf.function([x, n], outputs, updates={w: wf.concatenate([w, w])})
    g = travel(f)
    del gone
    given = np.arange(5, dtype="float32"), 3
    for _ in range(2):
        assert_same(g(*given), f(*given))
    with pytest.raises(wf.WeftError) as error:
        g(given[0], -1)
    assert "test_programs.py" in "".join(error.value.__notes__)


def test_numbers_keep_all_their_digits(travel):
    x = wf.vector("x", ("n",), dtype="float64")
    odd = np.array([0.1, 5e-324, -0.0, 1.7976931348623157e308])
    special = np.array([np.nan, -np.nan, np.inf, -np.inf], "float32")
    f = wf.function(
        [x], [x * 0.1, wf.constant(odd) * 1, wf.constant(special) * 1, x + np.inf, x * -0.0, x // 3, x > True]
    )
    assert_same(travel(f)(odd), f(odd))


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_the_configured_dtype_is_that_of_then(travel, name):
    n = wf.vector("n", ("n",), dtype="int32")
    with wf.config(float_dtype="float32"):
        single = n * 0.1
    with wf.config(float_dtype="float64"):
        double = n * 0.1
    with wf.config(float_dtype=name):
        f = wf.function([n], [single, double, n / 3, single + 0.5])
    given = np.arange(4, dtype="int32")
    with wf.config(float_dtype="float64" if name == "float32" else "float32"):
        g = travel(f)
        assert wf.config.float_dtype != name
    assert_same(g(given), f(given))


def test_functions_of_numbers_come_along(travel):
    @wf.elementwise
    def bend(x, scale=2.0):
        return wf.where(x > 0, x, wf.exp(x) - 1) * scale

    @wf.elementwise
    def twice(x):
        return bend(bend(x, x + 1))

    twice.whole = True
    x, h = wf.vector("x", ("n",)), wf.vector("h", ("n",), dtype="float16")
    outputs = [bend(x), twice(x), bend(h), wf.grad(twice(x).sum(), x), bend(x, 3.0)]
    f = wf.function([x, h], outputs)
    g = travel(f)
    given = np.linspace(-2, 2, 7, dtype="float32"), np.linspace(-1, 1, 7, dtype="float16")
    assert_same(g(*given), f(*given))
    assert_same(travel(g)(*given), f(*given))


def test_custom_gradients_are_taken(travel):
    through = wf.custom_gradient(wf.rint, lambda g, out, x: (g * 2,))
    x = wf.vector("x", ("n",))
    y = through(x) * through(x + 1)
    f = wf.function([x], [y, wf.grad(y.sum(), x)])
    g = travel(f)
    assert_same(g(np.array([0.4, 1.6], "float32")), f(np.array([0.4, 1.6], "float32")))
    with pytest.raises(wf.GradientError, match=r"The rule .*<lambda> of a custom gradient is Python") as error:
        wf.grad(g.source.outputs[0].sum(), g.source.inputs[0])
    assert "python=[rule]" in message(error)


def test_long_chains_need_no_recursion(tmp_path):
    y = x = wf.scalar("x")
    for _ in range(5000):
        y = wf.sin(y) + 0.1
    short = wf.function([x], wf.sin(x))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        assert is_same([y], tmp_path / "deep") == [True]
        short.save(tmp_path / "short")
    finally:
        sys.setrecursionlimit(limit)


def test_errors_name_the_lines_of_the_program(tmp_path):
    source = "a, b = wf.vector('a'), wf.vector('b')\nproduct = a * b  # here\nf = wf.function([a, b], product)\n"
    program = tmp_path / "train.py"
    program.write_text(source)
    names = {"wf": wf}
    exec(compile(source, str(program), "exec"), names)
    names["f"].save(tmp_path / "f")
    program.write_text("nothing\n")
    g = wf.load(tmp_path / "f")
    with pytest.raises(wf.GuardError) as error:
        g(np.ones(2, "float32"), np.ones(3, "float32"))
    assert any("train.py:2" in note and "product = a * b  # here" in note for note in error.value.__notes__)
    assert "product = a * b  # here" in g.explain("graph")


def test_another_target(travel):
    x = wf.matrix("x", ("n", 3))
    f = wf.function([x], wf.softmax(x), target="reference")
    g, h = travel(f), travel(f, target="cpu")
    assert (g.target.name, h.target.name) == ("reference", "cpu")
    given = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")
    assert_same(g(given), f(given))
    np.testing.assert_allclose(h(given), f(given), rtol=1e-6)
    with pytest.raises(wf.LoweringError, match="no target 'gpu'"):
        travel(f, target="gpu")


def test_what_theanos_programs_compile(travel):
    x, n = T.matrix("x"), T.iscalar("n")
    w = theano.shared(np.eye(3, dtype="float64"), "w")
    rng = RandomStreams(5)
    states, steps = theano.scan(lambda row, h: T.tanh(T.dot(h, w) + row.copy()), sequences=x, outputs_info=T.zeros(3))
    powers, _ = theano.scan(lambda p: p * 2, outputs_info=T.constant(1.0), n_steps=n)
    outputs = [states[-1], powers, T.nnet.softmax(T.dot(x, w)), rng.uniform((2, 3)), x[n:, ::-1].copy()]
    outputs += [T.grad(states.sum(), w), T.nnet.ultra_fast_sigmoid(x)]
    f = theano.function([x, n], outputs, updates=[*steps.items(), (w, w * 0.5)])
    g = travel(f.compiled)
    given = np.random.default_rng(0).standard_normal((4, 3)), np.int32(3)
    for _ in range(2):
        assert_same(list(g(*given)), list(f.compiled(*given)))


# ---- Python that no file has -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shift(wf.Op):
    """x + by."""

    by: float
    words: tuple = ("a", 1, np.dtype("int8"))

    def infer(self, x):
        return x

    def numpy(self, x):
        return x + np.asarray(self.by, x.dtype)


def count(labels):
    return np.bincount(labels, minlength=3)


def test_python_is_given_on_both_sides(tmp_path):
    x = wf.vector("x", ("n",), dtype="int64")
    shifted = wf.apply(Shift(0.5), wf.cast(x, "float32"))
    f = wf.function([x], [shifted, wf.callback(count, wf.Type("int64", (3,)), x)], target="reference")
    with pytest.raises(wf.ArgumentError, match="Shift is an op of a program's own") as error:
        f.save(tmp_path / "f")
    assert "shifted = wf.apply" in message(error)
    assert "wf.load(path, python=[Shift])" in message(error)
    with pytest.raises(wf.ArgumentError, match="count is Python") as error:
        f.save(tmp_path / "f", python=[Shift])
    assert "wf.load(path, python=[count])" in message(error)
    assert list(tmp_path.iterdir()) == []
    f.save(tmp_path / "f", python=[Shift, count])
    with pytest.raises(wf.ArgumentError, match=r"needs Shift.*python=\[Shift\]"):
        wf.load(tmp_path / "f")
    with pytest.raises(wf.ArgumentError, match="needs count"):
        wf.load(tmp_path / "f", python=[Shift])
    g = wf.load(tmp_path / "f", python=[count, Shift])
    given = np.array([0, 2, 2, 1])
    assert_same(g(given), f(given))


def test_python_that_is_none_of_it(tmp_path):
    x = wf.vector("x", ("n",))
    f = wf.function([x], x + 1)
    for given in (count, "count", [3], [count, count_of_another()]):
        with pytest.raises(wf.ArgumentError, match="python"):
            f.save(tmp_path / "f", python=given)


def count_of_another():
    def count(x):
        return x

    count.__qualname__ = "count"
    return count


def test_parameters_without_a_form(tmp_path):
    x = wf.vector("x", ("n",))
    f = wf.function([x], wf.apply(Shift(0.5, (frozenset([1]),)), x), target="reference")
    with pytest.raises(wf.ArgumentError, match=r"frozenset\(\{1\}\) is among its parameters"):
        f.save(tmp_path / "f", python=[Shift])


def test_rules_are_given_again(tmp_path):
    @wf.rules
    def own(x: wf.Const):
        yield wf.tanh(wf.tanh(x)), wf.sin(x)

    x = wf.vector("x", ("n",))
    f = wf.function([x], wf.exp(x), rules=own)
    f.save(tmp_path / "f")
    with pytest.raises(wf.ArgumentError, match=r"the rules `yield wf.tanh\(wf.tanh\(x\)\), wf.sin\(x\)`") as error:
        wf.load(tmp_path / "f")
    assert "load(path, rules=...)" in message(error)
    g = wf.load(tmp_path / "f", rules=own)
    assert g.rules is own
    wf.function([x], wf.exp(x)).save(tmp_path / "g")
    with pytest.raises(wf.ArgumentError, match="no rules"):
        wf.load(tmp_path / "g", rules=own)


# ---- the file --------------------------------------------------------------------------------------------------------


def saved(tmp_path, w=None):
    x, w = wf.vector("x", (3,)), wf.shared(np.arange(3, dtype="float32"), "w")
    f = wf.function([x], x * w, updates={w: w + 1})
    f.save(tmp_path / "f")
    return tmp_path / "f"


def test_unzip_and_numpy_read_it(tmp_path):
    path = saved(tmp_path)
    with zipfile.ZipFile(path) as archive:
        graph = json.loads(archive.read(GRAPH))
        (variable,) = graph["variables"]
        assert variable["name"] == "w"
        with archive.open(f"arrays/{variable['array']}.npy") as member:
            np.testing.assert_array_equal(np.load(member), [0, 1, 2])
    with np.load(path) as arrays:
        np.testing.assert_array_equal(arrays["arrays/0"], [0, 1, 2])
    assert [row["op"] for row in graph["nodes"] if "op" in row] == ["Elementwise"] * 2


def test_the_same_function_makes_the_same_bytes(tmp_path):
    x = wf.vector("x", (3,))
    f = wf.function([x], wf.exp(x), name="exp")
    f.save(tmp_path / "one")
    f.save(tmp_path / "other")
    wf.load(tmp_path / "one").save(tmp_path / "again")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes() == (tmp_path / "again").read_bytes()


def test_whoever_is_cut_off_leaves_the_file_before(tmp_path, monkeypatch):
    path = saved(tmp_path)
    before = path.read_bytes()

    def fail(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", fail)
    with pytest.raises(KeyboardInterrupt):
        saved(tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_made_and_the_umask_is_kept(tmp_path):
    path = saved(tmp_path / "a" / "b")
    assert os.stat(path).st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def changed(path, **changes):
    """The file with other words in its graph."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[GRAPH] = json.dumps({**json.loads(members[GRAPH]), **changes}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_versions(tmp_path):
    path = saved(tmp_path)
    major, minor, last = wf.__version__.split(".")
    wf.load(changed(path, weft=f"{major}.{minor}.{int(last) + 5}"))
    for other in (f"{major}.{int(minor) + 1}.0", f"{int(major) + 1}.{minor}.0", None):
        with pytest.raises(wf.ArgumentError, match=f"written by weft {other}, and this is weft {wf.__version__}"):
            wf.load(changed(path, weft=other))
    with pytest.raises(wf.ArgumentError, match=r"the format of .* has version 2, .* reads version 1"):
        wf.load(changed(path, version=2))
    with pytest.raises(wf.ArgumentError, match="no program"):
        wf.load(changed(path, format="something else"))


def test_what_is_no_program(tmp_path):
    w = wf.shared(np.arange(3, dtype="float32"), "w")
    nn.save(tmp_path / "w.npz", {"w": w})
    with pytest.raises(wf.ArgumentError, match=r"arrays alone.*nn\.load"):
        wf.load(tmp_path / "w.npz")
    (tmp_path / "text").write_text("import os")
    for name in ("text", "empty", "cut"):
        (tmp_path / "empty").write_bytes(b"")
        (tmp_path / "cut").write_bytes(saved(tmp_path).read_bytes()[:-30])
        with pytest.raises(wf.ArgumentError, match=r"no program, as f.save writes it, or it is cut off"):
            wf.load(tmp_path / name)
    with pytest.raises(wf.ArgumentError, match="there is no file"):
        wf.load(tmp_path / "nowhere")
    with pytest.raises(wf.ArgumentError, match="cannot be read"):
        wf.load(tmp_path)
    with pytest.raises(wf.ArgumentError, match="path of a file"):
        wf.load(3)


def test_safetensors_are_weights_alone(tmp_path):
    pytest.importorskip("safetensors")
    w = wf.shared(np.arange(3, dtype="float32"), "w")
    nn.save(tmp_path / "w.safetensors", {"w": w})
    with pytest.raises(wf.ArgumentError, match=r"safetensors, which has weights and no graph.*nn\.load"):
        wf.load(tmp_path / "w.safetensors")
    f = wf.function([], w * 2)
    f.save(tmp_path / "f")
    g = wf.load(tmp_path / "f")
    w.set_value(np.ones(3, "float32"))
    nn.save(tmp_path / "w.safetensors", f)
    assert nn.load(tmp_path / "w.safetensors", g) == ["w"]
    assert_same(g(), f())


# ---- other processes -------------------------------------------------------------------------------------------------

LATER = """
import sys
import numpy as np
import weft as wf
from weft.codegen.cpu.run import compiler, native
def refuse(*args, **options):
    raise AssertionError("something is compiled")
compiler._compile = refuse
f = wf.load(sys.argv[1])
given = np.load(sys.argv[2])
np.savez(sys.argv[3], *map(np.asarray, f(**{name: given[name] for name in given.files}).values()))
"""


def run_later(program, f, given, folder, **environment):
    """What the function gives in another process, which runs the program."""
    f.save(folder / "f")
    np.savez(folder / "given.npz", **given)
    files = [str(folder / name) for name in ("f", "given.npz", "found.npz")]
    subprocess.run([sys.executable, "-c", program, *files], env={**os.environ, **environment}, check=True, cwd=folder)
    with np.load(folder / "found.npz") as found:
        return [found[name] for name in found.files]


@pytest.mark.slow
def test_a_second_process_compiles_nothing(tmp_path):
    f, given, _ = many()
    f.save(tmp_path / "f")
    found = run_later(LATER, f, given, tmp_path)
    assert_same(found, list(map(np.asarray, f(**given).values())))


@pytest.mark.slow
def test_what_a_file_compiles_stays_in_the_cache(tmp_path):
    """Of a cache that had nothing before, the second process to load the file needs nothing more."""
    f, given, _ = many()
    expected, seen = list(map(np.asarray, f(**given).values())), []
    f, given, _ = many()
    for program in (LATER.replace("compiler._compile = refuse", ""), LATER):
        found = run_later(program, f, given, tmp_path, WEFT_CACHE_DIR=str(tmp_path / "cache"))
        assert_same(found, expected)
        seen.append(sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()))
    assert seen[0] == seen[1] != []


def test_wrong_arguments(tmp_path):
    path = saved(tmp_path)
    f = wf.load(path)
    for given in (3, None, b"f", ["f"]):
        with pytest.raises(wf.ArgumentError, match="the path of a file"):
            f.save(given)
        with pytest.raises(wf.ArgumentError, match="the path of a file"):
            wf.load(given)
    for options, text in (
        ({"python": 3}, "a list"),
        ({"rules": 3}, "rules are made by"),
        ({"target": 3}, "no target 3"),
    ):
        with pytest.raises(wf.WeftError, match=text):
            wf.load(path, **options)


def test_the_page_on_moving_runs(tmp_path, monkeypatch):
    pytest.importorskip("safetensors")
    page = (Path(__file__).parents[3] / "docs" / "moving.md").read_text()
    section = page.split("## Functions in a file\n")[1].split("\n## ")[0]
    monkeypatch.chdir(tmp_path)
    names = {"wf": wf, "nn": nn, "np": np}
    for code in re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        exec(code, names)
    given = np.ones((2, 784), "float32"), np.array([1, 2])
    first = names["again"](*given)
    assert_same(first, names["step"](*given))
    assert names["again"](*given) < first
