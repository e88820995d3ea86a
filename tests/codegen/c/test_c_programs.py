"""Programs of C and C++ that call exported functions: the same bits as Python's, without Python."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import weft as wf
from weft import nn

from .loaded import in_plain_mode, same

pytestmark = in_plain_mode
PROGRAMS = Path(__file__).with_name("programs")
FLAGS = ("-Wall", "-Wextra", "-Werror", "-pedantic")
LIBRARIES = ("-lm", "-lpthread")


def build(folder, source, objects, *flags, compiler="cc"):
    """A program of one file, and of object files; no Python is near."""
    program = folder / "program"
    command = [compiler, *FLAGS, *flags, f"-I{folder}", source, *(folder / f"{name}.o" for name in objects)]
    subprocess.run([*command, *LIBRARIES, "-o", program], check=True)
    needed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    assert "python" not in needed.lower()
    return program


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def compare(folder, name, step, predict, x, t, sizes, threads):
    """Ten training steps and a prediction, in C and in Python."""
    predict.export(folder / name, step, sizes=sizes)
    for file, array in (("x", x), ("t", t)):
        (folder / file).write_bytes(array.tobytes())
    nn.save(folder / "before.npz", step, predict)
    losses = [step(x[i], t[i]) for i in range(10)]
    logits = predict(x[0])
    given = "".join(f", {size}" for size in x.shape[1 : 1 + len(sizes)])
    element = x[0].size
    macros = {
        "HEADER": f'"{name}.h"',
        "STATE": f"{name}_state",
        **{word.upper(): f"{name}_{word}" for word in ("create", "destroy", "load", "save", "message")},
        "X_TYPE": "float" if x.dtype == np.float32 else "int64_t",
        "OUT_COUNT": logits.size,
        "STEP": f"{name}_step(state, x + i * {element}{given}, t + i * {t[0].size}, &loss)",
        "PREDICT": f"{name}_predict(state, x{given}, out)",
    }
    program = build(folder, PROGRAMS / "train.c", [name], "-std=c99", *(f"-D{k}={v}" for k, v in macros.items()))
    for count in threads:
        run(program, folder, count)
        found = np.frombuffer((folder / "results").read_bytes(), np.float32)
        assert same(found, np.concatenate([np.ravel(losses), np.ravel(logits)]))
        with np.load(folder / "after.npz") as after:
            variables = nn.variables(predict, step)
            assert sorted(after.files) == sorted(variables)
            assert all(same(after[key], node.get_value()) for key, node in variables.items())


@pytest.mark.slow
def test_lenet(tmp_path):
    nn.init.seed(0)
    x, t = wf.tensor4("x", ("batch", 1, 28, 28)), wf.vector("t", ("batch",), dtype="int64")
    h = wf.max_pool2d(wf.tanh(nn.layers.conv2d(x, 6, 5, padding=2)), 2)
    h = wf.max_pool2d(wf.tanh(nn.layers.conv2d(h, 16, 5)), 2)
    h = wf.tanh(nn.layers.dense(wf.tanh(nn.layers.dense(h, 120)), 84))
    logits = nn.layers.dense(h, 10)
    loss = nn.losses.crossentropy(logits, t).mean()
    updates = nn.updates.momentum(loss, nn.parameters(loss), 0.05)
    step = wf.function([x, t], loss, updates=updates, name="step")
    predict = wf.function([x], logits, name="predict")
    rng = np.random.default_rng(0)
    images, labels = rng.random((10, 17, 1, 28, 28), np.float32), rng.integers(0, 10, (10, 17))
    compare(tmp_path, "lenet", step, predict, images, labels, {"batch": (1, 17)}, (1, 3))


@pytest.mark.slow
def test_a_long_short_term_memory_of_characters(tmp_path):
    nn.init.seed(0)
    x, t = (wf.matrix(name, ("batch", "time"), dtype="int64") for name in "xt")
    memory = [wf.shared(nn.init.zeros((1, 24)), name, shape=("batch", 24)) for name in "hc"]
    training = wf.scalar("training", dtype="bool")
    h, state = nn.layers.lstm(nn.layers.embedding(x, 30, 16), 24, state=memory)
    h = wf.with_updates(h, dict(zip(memory, state, strict=True)))
    h = nn.layers.dropout(h, 0.3, training=training)
    logits = nn.layers.dense(h, 30, flatten=False)
    loss = nn.losses.crossentropy(logits, t).mean()
    params = nn.parameters(loss)
    grads = nn.updates.clip_by_norm(wf.grad(loss, list(params.values())), 1.0)
    updates = nn.updates.adam(grads, params, 0.01)
    step = wf.function([x, t], loss, updates=updates, givens={training: True}, name="step")
    predict = wf.function([x], logits, givens={training: False}, name="predict")
    for variable in memory:
        variable.set_value(nn.init.zeros((5, 24)))
    letters = np.random.default_rng(0).integers(0, 30, (2, 10, 5, 9))
    compare(tmp_path, "letters", step, predict, *letters, {"batch": 5, "time": 9}, (1, 2))


@pytest.mark.slow
def test_two_files_in_one_program(tmp_path):
    x = wf.vector("x", ("n",))
    for name, factor in (("first", 2), ("second", 3)):
        wf.function([x], x * factor).export(tmp_path / name, sizes={"n": 70000})
    run(build(tmp_path, PROGRAMS / "two.c", ["first", "second"], "-D_GNU_SOURCE"))


@pytest.mark.slow
def test_a_processor_without_the_instructions(tmp_path, monkeypatch):
    from weft.codegen.c import export

    x = wf.scalar("x")
    monkeypatch.setattr(export, "features", lambda: ("avx512f", "no such instruction"))
    monkeypatch.setattr("weft.codegen.c.source._LEAF_1_ECX", {"no such instruction": 16})  # reserved: never set
    wf.function([x], x * 2).export(tmp_path / "newer")
    source = tmp_path / "main.c"
    source.write_text(
        '#include <stdio.h>\n#include "newer.h"\nint main(void)\n{\n    newer_state *state;\n'
        "    int status = newer_create(&state, 1);\n"
        '    printf("%d %d %s", status, state == NULL, newer_describe(status));\n    return 0;\n}\n'
    )
    text = run(build(tmp_path, source, ["newer"]))
    assert text.startswith("7 1 This processor lacks instructions of the code, which was made for ")


@pytest.mark.skipif(shutil.which("c++") is None, reason="there is no C++ compiler")
def test_the_header_is_cxx(tmp_path):
    x = wf.scalar("class")
    wf.function([x], x * 2, name="twice").export(tmp_path / "cxx")
    source = tmp_path / "main.cpp"
    source.write_text(
        '#include "cxx.h"\nint main()\n{\n    cxx_state *s;\n    float x = 3, y = 0;\n'
        "    int failed = cxx_create(&s, 2) || cxx_twice(s, &x, &y) || y != 6;\n    cxx_destroy(s);\n"
        "    return failed;\n}\n"
    )
    run(build(tmp_path, source, ["cxx"], compiler="c++"))
