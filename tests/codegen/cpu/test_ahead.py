"""Object code that is shipped: made for a kind of processor, found by its key, the same as what is compiled here."""

import os
import subprocess
import sys

import llvmlite.binding as llvm
import pytest

from weft.codegen.cpu.ahead import build, catalogue, objects
from weft.codegen.cpu.launch import CodeRef, KernelRef
from weft.codegen.cpu.run import made, native, processor

# One expression of the catalogue, made twice for this machine's level: into two folders.
MAKE = """
import sys
from pathlib import Path
import weft as wf
from weft.codegen.cpu.ahead import build
x, w = wf.tensor(None, (20, 30)), wf.tensor(None, (30, 7))
build.expressions = lambda: [[wf.sort(x @ w)]]
print(build.build_one(sys.argv[1], Path(sys.argv[2])))
"""
# A call with what lies there, in a process that must compile nothing but nests.
CALL = """
import sys
from pathlib import Path
import numpy as np, weft as wf
from weft.codegen.cpu.ahead import objects
from weft.codegen.cpu.run import made
if len(sys.argv) > 1:
    sys.modules["numba"] = None
    made.find_object = lambda kind, key: objects.file_of(kind, key, Path(sys.argv[1])).read_bytes()
x, w = wf.tensor("x", (20, 30)), wf.tensor("w", (30, 7))
f = wf.function([x, w], wf.sort(x @ w))
a, b = (np.random.default_rng(0).standard_normal(s).astype("float32") for s in ((20, 30), (30, 7)))
print(np.abs(f(a, b) - np.sort(a @ b)).max() < 1e-5, f(a, b).tobytes().hex())
"""
KIND = str(processor.processor())


needs_a_level = pytest.mark.skipif(KIND not in processor.KINDS, reason="of this kind of processor nothing is shipped")


def python(code, *arguments, cache):
    environment = {**os.environ, "WEFT_CACHE_DIR": str(cache)}
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@needs_a_level
def test_code_is_made_ahead_and_found(tmp_path):
    count = python(MAKE, KIND, str(tmp_path / "objects"), cache=tmp_path / "none")
    assert int(count) == len(list((tmp_path / "objects" / KIND).iterdir())) >= 6  # loops, threads, tiles, sort
    assert not (tmp_path / "none").exists()
    assert python(CALL, str(tmp_path / "objects"), cache=tmp_path / "nests").startswith("True ")


@pytest.mark.slow
@needs_a_level
def test_code_that_is_made_ahead_gives_the_bits_of_what_is_compiled_here(tmp_path):
    python(MAKE, KIND, str(tmp_path / "objects"), cache=tmp_path / "none")
    found = python(CALL, str(tmp_path / "objects"), cache=tmp_path / "nests")
    assert found == python(CALL, cache=tmp_path / "all")


@pytest.mark.slow
@needs_a_level
def test_the_same_sources_make_the_same_bytes(tmp_path):
    contents = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        python(MAKE, KIND, str(folder), cache=tmp_path / "none")
        contents.append({file.name: file.read_bytes() for file in (folder / KIND).iterdir()})
    assert contents[0] == contents[1]


def test_other_sources_find_nothing(monkeypatch):
    recipe = KernelRef(catalogue.expressions).recipe()
    assert recipe.key is not None
    monkeypatch.setattr(native, "SOURCES", "changed")
    assert KernelRef(catalogue.expressions).recipe().key != recipe.key
    assert objects.find_object(KIND, recipe.key) is None


def test_processors_of_other_widths_find_others(monkeypatch):
    reference = CodeRef("tiles.move", "emit_move", ("float32",))
    keys = set()
    for level in processor.KINDS.values():
        monkeypatch.setattr(made, "processor", lambda level=level: level)
        keys.add(reference.recipe().key)
    assert len(keys) == len(processor.KINDS)


def test_the_catalogue_names_what_networks_need():
    """Of each dtype and kind of layer something stands there; planning compiles nothing."""
    import weft as wf

    x, w = wf.tensor(None, (128, 1, 28, 28)), wf.tensor(None, (20, 1, 5, 5))
    found = {str(reference) for reference in build._named_by([wf.max_pool2d(wf.conv2d(x, w), 2)])}
    assert any(name.startswith("pool.kernels.make_pool(float32") for name in found)
    assert any(name.startswith("tiles.tile.emit_tile(float32") for name in found)


@pytest.fixture
def x86(monkeypatch):
    """A host of x86-64 with these features, for processes that were asked for vectors of so many bits."""
    monkeypatch.setattr(processor, "host_triple", lambda: "x86_64-unknown-linux-gnu")
    monkeypatch.setattr(processor, "host_cpu", lambda: "some")

    def kind(features, bits="512"):
        monkeypatch.setattr(processor.llvm, "get_host_cpu_features", lambda: llvm.FeatureMap(features))
        monkeypatch.setenv("WEFT_VECTOR_BITS", bits)
        processor.processor.cache_clear()
        return processor.processor()

    yield kind
    processor.processor.cache_clear()


ALL = dict.fromkeys(processor._FOURTH, True)


@pytest.mark.parametrize(("bits", "kind"), [("512", "v4-512"), ("256", "v3-256"), ("128", "v3-128")])
def test_levels_follow_the_width_that_is_asked_for(x86, bits, kind):
    assert str(x86(ALL, bits)) == f"x86-64-{kind}"


@pytest.mark.parametrize(
    ("without", "kind"),
    [
        ("avx512f avx512bw avx512cd avx512dq avx512vl", "x86-64-v3-256"),
        ("avx512f avx512bw avx512cd avx512dq avx512vl avx avx2 fma", "x86-64-v2-128"),
        ("avx512f avx512bw avx512cd avx512dq avx512vl avx avx2 sse4.2", "x86-64-128"),
        ("movbe", "some-512"),  # as machines that are simulated hide it
        ("avx512f avx512bw avx512cd avx512dq avx512vl lzcnt", "some-256"),
        ("avx512dq", "some-512"),
    ],
)
def test_vectors_are_as_wide_as_the_processors(x86, without, kind):
    found = x86({**ALL, **dict.fromkeys(without.split(), False)})
    assert str(found) == kind
    if kind == "some-256":
        assert "+avx2" in found.features
        assert "-avx512f" in found.features


def test_other_architectures_have_one_kind(x86, monkeypatch):
    assert build.usual_kinds() == ["x86-64-v2-128", "x86-64-v3-256", "x86-64-v4-512"] or KIND == "generic-128"
    monkeypatch.setattr(processor, "host_triple", lambda: "aarch64-unknown-linux-gnu")
    monkeypatch.setattr(build, "host_triple", lambda: "aarch64-unknown-linux-gnu")
    assert build.usual_kinds() == [str(x86({}))] == ["generic-128"]
