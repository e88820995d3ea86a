"""Object code that is shipped: made for a kind of processor, found by its key, the same as what is compiled here."""

import os
import subprocess
import sys

import pytest

from weft.codegen.cpu.ahead import build, catalogue, objects
from weft.codegen.cpu.launch import CodeRef, KernelRef
from weft.codegen.cpu.run import made, processor

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


needs_a_level = pytest.mark.skipif(KIND not in processor.LEVELS, reason="of this kind of processor nothing is shipped")


def python(code, *arguments, cache):
    environment = {**os.environ, "WEFT_CACHE_DIR": str(cache)}
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_a_level
def test_code_is_made_ahead_and_found(tmp_path):
    count = python(MAKE, KIND, str(tmp_path / "objects"), cache=tmp_path / "none")
    assert int(count) == len(list((tmp_path / "objects" / KIND).iterdir())) >= 6  # loops, threads, tiles, sort
    assert not (tmp_path / "none").exists()
    right, bits = python(CALL, str(tmp_path / "objects"), cache=tmp_path / "nests").split()
    assert right == "True"
    assert python(CALL, cache=tmp_path / "all").split() == ["True", bits]  # as what is compiled here


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
    monkeypatch.setattr(made, "_SOURCES", "changed")
    assert KernelRef(catalogue.expressions).recipe().key != recipe.key
    assert objects.find_object(KIND, recipe.key) is None


def test_processors_of_other_widths_find_others(monkeypatch):
    reference = CodeRef("tiles.move", "emit_move", ("float32",))
    keys = set()
    for level in processor.LEVELS.values():
        monkeypatch.setattr(made, "processor", lambda level=level: level)
        keys.add(reference.recipe().key)
    assert len(keys) == len(processor.LEVELS)


def test_the_catalogue_names_what_networks_need():
    """Of each dtype and kind of layer something stands there; planning compiles nothing."""
    import weft as wf

    x, w = wf.tensor(None, (128, 1, 28, 28)), wf.tensor(None, (20, 1, 5, 5))
    found = {str(reference) for reference in build._named_by([wf.max_pool2d(wf.conv2d(x, w), 2)])}
    assert any(name.startswith("pool.kernels.make_pool(float32") for name in found)
    assert any(name.startswith("tiles.tile.emit_tile(float32") for name in found)


def test_levels_follow_the_width_that_is_asked_for(monkeypatch):
    features = dict.fromkeys((*processor._FOURTH,), True)
    monkeypatch.setattr(processor.llvm, "get_host_cpu_features", lambda: features)
    monkeypatch.setattr(processor, "host_triple", lambda: "x86_64-unknown-linux-gnu")
    expected = {"512": "x86-64-v4-512", "256": "x86-64-v3-256", "128": "x86-64-v3-128"}
    for bits, kind in expected.items():
        monkeypatch.setenv("WEFT_VECTOR_BITS", bits)
        for cached in (processor.processor, processor._host_levels):
            cached.cache_clear()
        assert str(processor.processor()) == kind
    features.update(avx512f=False)
    processor._host_levels.cache_clear()
    assert str(processor._host_levels()[0]) == "x86-64-v3-256"
    features.update(fma=False)
    processor._host_levels.cache_clear()
    assert str(processor._host_levels()[0]) == "x86-64-v2-128"
    for cached in (processor.processor, processor._host_levels):
        cached.cache_clear()
