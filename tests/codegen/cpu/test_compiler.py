"""Modules compiled side by side are what they are alone, and each is kept by itself."""

from functools import partial

import numpy as np
import pytest

import weft as wf
from weft.codegen import cache
from weft.codegen.cpu.run import compile as nests
from weft.codegen.cpu.run import compiler, native
from weft.codegen.llvm.emitters import EMITTERS


def module(number):
    """A function that fills a vector with sums, so that there is something to optimise."""
    return f"""
    define i64 @sum_{number}(ptr %buffers, ptr %params, i64 %low, i64 %high) {{
    entry:
      %data = load ptr, ptr %buffers
      br label %loop
    loop:
      %i = phi i64 [%low, %entry], [%next, %loop]
      %total = phi i64 [0, %entry], [%sum, %loop]
      %at = getelementptr i64, ptr %data, i64 %i
      %x = load i64, ptr %at
      %scaled = mul i64 %x, {number + 3}
      %sum = add i64 %total, %scaled
      %next = add i64 %i, 1
      %more = icmp slt i64 %next, %high
      br i1 %more, label %loop, label %done
    done:
      ret i64 %sum
    }}
    """


def test_threads_compile_what_one_compiles():
    modules = [module(number) for number in range(12)]
    alone = [compiler.compile_ir(one) for one in modules]
    for threads in (1, 2, 5, 50):
        assert compiler.compile_each(modules, threads) == alone
    assert compiler.compile_each([], 4) == []


@pytest.mark.parametrize("threads", [1, 4])
def test_what_llvm_refuses_is_raised(threads):
    with pytest.raises(RuntimeError, match="LLVM IR parsing error"):
        compiler.compile_each([module(0), "no IR", module(1), module(2)], threads)
    assert len(compiler.compile_each([module(0), module(1)], threads)) == 2  # and it goes on


def test_code_runs_from_several_objects():
    code = native.Code(
        native.object_codes({f"sum_{n}": partial(module, n) for n in range(3)}), [f"sum_{n}" for n in range(3)]
    )
    assert len(set(code.addresses.values())) == 3


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """How many modules each compilation had, in a process that has no nests yet and an empty folder."""
    counts = []
    compile_each = compiler.compile_each
    monkeypatch.setattr(native, "compile_each", lambda ms, threads: counts.append(len(ms)) or compile_each(ms, threads))
    monkeypatch.setattr(nests, "_loaded", {})
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))
    return counts


def network(change):
    """Two steps of reductions and functions; the last is another where it is changed."""
    x = wf.matrix("x")
    h = wf.exp(x - x.max(axis=1, keepdims=True))
    p = h / h.sum(axis=1, keepdims=True)
    return wf.function([x], [wf.tanh(p).sum(axis=0) if change else p.sum(axis=0), wf.log(1 + x * x).mean()])


def test_a_change_compiles_what_changed(compiled, monkeypatch):
    x = np.random.default_rng(0).standard_normal((7, 5)).astype("float32")
    first = network(False)
    count = sum(compiled)
    assert count >= 2
    monkeypatch.setattr(nests, "_loaded", {})  # the next process
    second = network(True)
    assert 0 < sum(compiled) - count < count
    total = sum(compiled)
    monkeypatch.setattr(nests, "_loaded", {})
    third = network(True)
    assert sum(compiled) == total  # all are in the folder
    p = np.exp(x - x.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    np.testing.assert_allclose(first(x)[0], p.sum(0), rtol=1e-5)
    for function in (second, third):
        np.testing.assert_allclose(function(x)[0], np.tanh(p).sum(0), rtol=1e-5)
    assert cache.folder() is not None


def test_emitters_of_others_make_other_code(compiled, monkeypatch):
    """A name says what weft's own emitters write, and nothing of what somebody puts in their place."""
    x = np.array([1, 2, 3], np.float32)

    def compute():
        monkeypatch.setattr(nests, "_loaded", {})  # another process
        v = wf.vector("v")
        return wf.function([v], wf.square(v) + 1)(x)

    assert compute().tolist() == [2, 5, 10]
    monkeypatch.setitem(EMITTERS, "square", EMITTERS["neg"])
    assert compute().tolist() == [0, -1, -2]
    count = sum(compiled)
    assert compute().tolist() == [0, -1, -2]
    assert sum(compiled) == count  # it is kept, by what it is
    monkeypatch.setitem(EMITTERS, "square", EMITTERS["abs"])
    assert compute().tolist() == [2, 3, 4]
