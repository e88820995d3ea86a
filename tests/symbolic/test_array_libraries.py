"""Arrays of the libraries themselves, where they are installed: in place, copied, or refused in a sentence."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import weft as wf
from weft import nn
from weft.symbolic.arrays import as_array, shared_memory

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def doubled(given, dtype="float32", ndim=2):
    """What a compiled function makes of it."""
    x = wf.tensor("x", (None,) * ndim, dtype)
    return wf.function([x], x * 2)(given)


def check_refusal(given, error, says, hint=""):
    """Functions, variables and constants say the same of it."""
    for take in (doubled, wf.shared, wf.constant, lambda v: wf.exp(v)):
        with pytest.raises(error, match=says) as caught:
            take(given)
        assert hint in "".join(caught.value.__notes__)


# ---- PyTorch --------------------------------------------------------------------------------------------------------


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def test_tensors_are_read_where_they_are(torch):
    t = torch.arange(6.0).reshape(2, 3)
    for view in (t, t.T, t[:, ::2], t[:0], t[0, 0], torch.ones(1, 3).expand(4, 3), t.half(), t > 2, t.to(torch.uint16)):
        found = as_array("x", view)
        assert not view.numel() or found.ctypes.data == view.data_ptr()
        np.testing.assert_array_equal(found, view.float().numpy())
    np.testing.assert_array_equal(doubled(t), VALUES * 2)
    np.testing.assert_array_equal(doubled(t.T), VALUES.T * 2)
    assert doubled(torch.tensor(2.0), ndim=0) == 4


def test_tensors_of_bfloat16_become_float32(torch):
    t = torch.tensor([[1.5, -2, 0], [float("inf"), 3, 1e-30]], dtype=torch.bfloat16)
    for view in (t, t.T, t[:, ::2], t[:0]):
        found = as_array("x", view)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, view.float().numpy())
        np.testing.assert_array_equal(doubled(view), view.float().numpy() * 2)
    assert wf.shared(t).dtype == np.float32


def test_tensors_that_are_refused(torch):
    t, c = torch.arange(6.0).reshape(2, 3), torch.ones(2, 3, dtype=torch.complex64)
    gradient = "its gradients do not come through here: give value.detach()."
    check_refusal(
        t.clone().requires_grad_(), wf.ArgumentError, "is no array: Can't call numpy.* requires grad", gradient
    )
    check_refusal(torch.nn.Parameter(t), wf.ArgumentError, "is no array: Can't call numpy.* requires grad", gradient)
    check_refusal(c.conj(), wf.ArgumentError, "conjugate bit set. Use tensor.resolve_conj")
    check_refusal(c.conj().imag, wf.ArgumentError, "negative bit set. Use tensor.resolve_neg")
    check_refusal(t.to_sparse(), wf.ArgumentError, "Use Tensor.to_dense")
    check_refusal(torch.empty(2, 3, device="meta"), wf.ArgumentError, "meta device type tensor")
    check_refusal(t.to(torch.float8_e4m3fn), wf.ArgumentError, "unsupported ScalarType Float8_e4m3fn")
    with pytest.raises(wf.DTypeError, match="x is float32, and its value is complex64"):
        doubled(c)
    with pytest.raises(wf.DTypeError, match="x is float32, and its value is float64") as caught:
        doubled(t.double())
    assert "np.asarray(value).astype('float32')" in caught.value.__notes__[-1]
    assert shared_memory(c.conj().imag) is None  # DLPack would give it with the wrong sign


def test_tensors_in_expressions(torch):
    t = torch.arange(6.0).reshape(2, 3)
    x = wf.matrix("x", (3, 2), "float32")
    value = VALUES.reshape(3, 2)
    for made, want in [
        (t @ x, VALUES @ value),
        (x @ t, value @ VALUES),
        (t + x.T, VALUES + value.T),
        (x.T - t, value.T - VALUES),
        (t == x.T, VALUES == value.T),
        (t**x.T, VALUES**value.T),
        (x[torch.tensor([2, 0])], value[[2, 0]]),
        (x[torch.tensor([True, False, True])], value[[0, 2]]),
        (wf.where(t > 2, x.T, 0), np.where(VALUES > 2, value.T, 0)),
    ]:
        assert isinstance(made, wf.Expr)
        np.testing.assert_array_equal(wf.evaluate(made, {x: value}), want)
    with pytest.raises(TypeError, match="must be Tensor, not Expr"):
        torch.matmul(t, x)  # PyTorch's own functions take tensors


def test_variables_and_results_as_tensors(torch):
    w = wf.shared(VALUES, "w")
    t = torch.from_dlpack(w)
    assert t.data_ptr() == w.get_value(borrow=True).ctypes.data
    wf.function([], None, updates={w: w + 1})()
    np.testing.assert_array_equal(t.numpy(), VALUES + 1)
    t[0, 0] = 100  # PyTorch does not keep to DLPack's flag
    assert w.get_value()[0, 0] == 100
    assert wf.function([], w * 2, target="cuda:simulator")()[0, 0] == 200
    result = doubled(VALUES)
    assert torch.from_dlpack(result).data_ptr() == result.ctypes.data
    on_device = wf.function([], w * 2, target="cuda:simulator", results="device")()
    assert torch.from_dlpack(on_device)[0, 0] == 200
    w.set_value(torch.zeros(2, 3))
    assert not t.any()


def test_bound_functions_over_tensors(torch):
    t, out = torch.ones(2, 3), torch.empty(2, 3)
    x = wf.matrix("x", (2, 3), "float32")
    g = wf.function([x], x * 2).bind(t, out=out)
    t[:] = 5
    g()
    assert out.tolist() == [[10] * 3] * 2
    with pytest.raises(wf.ArgumentError, match="in another order"):
        wf.function([x], x * 2).bind(torch.ones(3, 2).T)


def test_batches_of_tensors(torch):
    x, t = torch.arange(14.0).reshape(7, 2), torch.arange(7)
    order = np.random.default_rng(0).permutation(7)
    found = list(nn.batches((x, t), 3, np.random.default_rng(0)))
    np.testing.assert_array_equal(np.concatenate([b for b, _ in found]), x.numpy()[order])
    np.testing.assert_array_equal(np.concatenate([b for _, b in found]), order)
    for wrong in (x.clone().requires_grad_(), x.to_sparse()):
        with pytest.raises(wf.ArgumentError, match="batches: data is no array"):
            list(nn.batches(wrong, 3))


def test_a_callback_may_return_tensors(torch):
    x = wf.matrix("x", (2, 3), "float32")
    for give, says in [(lambda t: t, None), (lambda t: t.requires_grad_(), "What callback:.* returned is no array")]:
        y = wf.callback(lambda a, give=give: give(torch.from_numpy(a) + 1), x.type, x)
        if says is None:
            np.testing.assert_array_equal(wf.function([x], y)(VALUES), VALUES + 1)
            continue
        with pytest.raises(wf.ArgumentError, match=says):
            wf.function([x], y)(VALUES)


# ---- JAX ------------------------------------------------------------------------------------------------------------


JAX = """
import jax, numpy as np, pytest
import weft as wf
from test_array_libraries import VALUES, check_refusal, doubled
from weft.symbolic.arrays import as_array

jnp = jax.numpy
a = jnp.asarray(VALUES)
found = as_array("x", a)
assert found.ctypes.data == a.unsafe_buffer_pointer()
assert not found.flags.writeable
np.testing.assert_array_equal(doubled(a), VALUES * 2)
half = jnp.arange(6, dtype=jnp.bfloat16).reshape(2, 3)
np.testing.assert_array_equal(doubled(half), VALUES * 2)
assert wf.shared(half).dtype == np.float32
x = wf.matrix("x", (2, 3), "float32")
for made in (a + x, x + a):
    np.testing.assert_array_equal(wf.evaluate(made, {x: VALUES}), VALUES * 2)
assert isinstance(a == x, wf.Expr)
check_refusal(jax.random.key(0), wf.ArgumentError, "Use jax.random.key_data")
with pytest.raises(wf.ArgumentError, match="The value of x is no array: .*traced array"):
    jax.jit(doubled)(a)
w = wf.shared(VALUES, "w")
copied = jnp.from_dlpack(w)  # its arrays may not change, and weft's do
wf.function([], None, updates={w: w + 1})()
np.testing.assert_array_equal(copied, VALUES)
"""


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_arrays_of_jax():
    # in a process of its own: where JAX was imported, every fork is a warning
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    subprocess.run([sys.executable, "-c", JAX], env=environment, check=True, timeout=300)


# ---- tables ---------------------------------------------------------------------------------------------------------


def test_columns_and_tables_of_pandas():
    pd = pytest.importorskip("pandas")
    frame, column = pd.DataFrame(VALUES), pd.Series(VALUES[0])
    assert np.shares_memory(as_array("x", frame), frame.to_numpy())
    np.testing.assert_array_equal(doubled(frame), VALUES * 2)
    np.testing.assert_array_equal(doubled(column, ndim=1), VALUES[0] * 2)
    np.testing.assert_array_equal(doubled(pd.Series([1, 2], dtype="Int64"), "int64", 1), [2, 4])
    found = doubled(pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan]}), "float64")
    np.testing.assert_array_equal(found, [[2, 1], [4, np.nan]])
    np.testing.assert_array_equal(doubled(pd.Series([1.0, np.nan]), "float64", 1), [2, np.nan])  # a NaN is a number
    one, two = (f"has {n} missing value{'s'[: n > 1]}, which an array cannot keep" for n in (1, 2))
    for given, says in [
        (pd.Series([1, None, 3], dtype="Int64"), one),
        (pd.Series([1.5, None], dtype="Float64"), one),
        (pd.Series([True, None], dtype="boolean"), one),
        (pd.DataFrame({"a": pd.array([None, None], "Int64"), "b": [0.5, np.nan]}), two),
        (pd.Series(["a", "b"], dtype="category"), "holds objects, such as 'a'"),
        (pd.DataFrame({"a": [1], "b": ["x"]}), "holds objects, such as 'x'"),
        (pd.Series(pd.to_datetime(["2020-01-01"])), "holds dates"),
    ]:
        check_refusal(given, wf.DTypeError, says)
    x = wf.matrix("x", (2, 3), "float32")
    for made in (frame + x, x + frame, pd.Series(VALUES[0]) + x - VALUES[0] + frame):
        np.testing.assert_array_equal(wf.evaluate(made, {x: VALUES}), VALUES * 2)
    with pytest.raises(wf.ArgumentError, match="x is an expression, which has no numbers"):
        frame @ x  # pandas makes an array of it
    y = wf.matrix("y", (3, 1), "float32")
    np.testing.assert_array_equal(wf.evaluate(wf.matmul(frame, y), {y: VALUES[:1].T}), VALUES @ VALUES[:1].T)


def test_batches_of_rows_whose_names_are_no_places():
    pd = pytest.importorskip("pandas")
    names = [4, 2, 6, 0, 1, 3, 5]
    x = pd.DataFrame({"a": np.arange(7.0), "b": np.arange(7.0) + 10}, index=names)
    t = pd.Series(np.arange(7), index=names)
    order = np.random.default_rng(0).permutation(7)
    found = list(nn.batches((x, t), 3, np.random.default_rng(0)))
    np.testing.assert_array_equal(np.concatenate([b for _, b in found]), order)
    np.testing.assert_array_equal(np.concatenate([b[:, 1] for b, _ in found]), order + 10)


def test_columns_and_tables_of_polars():
    pl = pytest.importorskip("polars")
    column = pl.Series([1.0, 2.0, 3.0])
    assert np.shares_memory(as_array("x", column), column.to_numpy())
    np.testing.assert_array_equal(doubled(column, "float64", 1), [2, 4, 6])
    frame = pl.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    np.testing.assert_array_equal(doubled(frame, "float64"), [[2, 6], [4, 8]])
    assert as_array("x", pl.Series([True, False])).dtype == bool
    for given, error, says in [
        (pl.Series([1, None, 3]), wf.DTypeError, "has 1 missing value, which"),
        (pl.DataFrame({"a": [1.0, None], "b": [None, None]}), wf.DTypeError, "has 3 missing values, which"),
        (pl.Series(["a"]), wf.DTypeError, "holds (text|objects)"),
        (pl.Series([[1.0, 2], [3.0]]), wf.DTypeError, "holds objects"),
        (pl.LazyFrame({"a": [1.0]}), wf.ArgumentError, "is a LazyFrame, which is no array"),
    ]:
        if error is wf.DTypeError:
            check_refusal(given, error, says)
        else:
            with pytest.raises(error, match=says):
                doubled(given)
    x = wf.vector("x", (3,), "float64")
    np.testing.assert_array_equal(wf.evaluate(x + column, {x: [1.0, 1, 1]}), [2, 3, 4])
    with pytest.raises(TypeError, match="Expr"):
        column + x  # Polars' own sentence: it takes its own kinds alone


def test_arrays_of_arrow():
    pa = pytest.importorskip("pyarrow")
    a = pa.array([1.0, 2.0, 3.0])
    assert as_array("x", a).ctypes.data == a.buffers()[1].address
    np.testing.assert_array_equal(doubled(a, "float64", 1), [2, 4, 6])
    table = pa.table({"a": [1.0, 2.0], "b": [3, 4]})
    np.testing.assert_array_equal(doubled(table, "float64"), [[2, 6], [4, 8]])
    np.testing.assert_array_equal(doubled(pa.chunked_array([[1.0], [2.0]]), "float64", 1), [2, 4])
    assert as_array("x", pa.array([True, False])).tolist() == [True, False]
    check_refusal(pa.array([1, None, 3]), wf.DTypeError, "has 1 missing value, which")
    check_refusal(pa.table({"a": pa.array([1.0, None]), "b": pa.array([None, 1])}), wf.DTypeError, "has 2 missing")
    check_refusal(pa.array(["a"]), wf.DTypeError, "holds objects, such as 'a'")


# ---- others ---------------------------------------------------------------------------------------------------------


def test_images_of_pillow():
    image = pytest.importorskip("PIL.Image")
    picture = image.fromarray(np.arange(36, dtype=np.uint8).reshape(3, 4, 3))
    x = wf.tensor3("x", dtype="uint8")
    np.testing.assert_array_equal(wf.function([x], x + 0)(picture), np.arange(36).reshape(3, 4, 3))
    np.testing.assert_array_equal(doubled(image.fromarray(VALUES)), VALUES * 2)
    assert wf.shared(image.new("1", (4, 3))).dtype == bool


def test_arrays_of_the_standards_strict_namespace():
    xs = pytest.importorskip("array_api_strict")
    a = xs.asarray(VALUES)
    np.testing.assert_array_equal(doubled(a), VALUES * 2)
    np.testing.assert_array_equal(as_array("x", xs.asarray(VALUES, device=xs.Device("CPU_DEVICE"))), VALUES)
    with pytest.raises(wf.ArgumentError, match=r"is no array: Can't convert array on the .*device1"):
        as_array("x", xs.asarray(VALUES, device=xs.Device("device1")))
    w = wf.shared(VALUES, "w")
    found = xs.from_dlpack(w)
    assert xs.all(found == a)
    x = wf.matrix("x", (2, 3), "float32")
    np.testing.assert_array_equal(wf.evaluate(x + a, {x: VALUES}), VALUES * 2)
    with pytest.raises(TypeError, match="Expected Array or Python scalar"):
        a + x  # its own sentence: it takes its own arrays alone


def test_files_of_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        data = file.create_dataset("x", data=np.arange(14, dtype="f4").reshape(7, 2))
        np.testing.assert_array_equal(np.concatenate(list(nn.batches(data, 3))), data[:])
        np.testing.assert_array_equal(doubled(data), data[:] * 2)


def test_the_page_on_moving_runs(torch):
    page = (Path(__file__).parents[2] / "docs" / "moving.md").read_text()
    section = page.split("## Arrays of other libraries\n")[1].split("\n## ")[0]
    names = {"wf": wf, "np": np}
    for code in re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        exec(code, names)
    assert names["weights"].data_ptr() == names["w"].get_value(borrow=True).ctypes.data
    assert names["weights"].any()
