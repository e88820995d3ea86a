"""A network layer by layer, against numbers reckoned by hand."""

import numpy as np
import pytest

import weft as wf
from weft import nn


def convolutional():
    x, flag = wf.tensor4("x", ("batch", 3, 16, 16)), wf.scalar("training", dtype="bool")
    with nn.scope("net"):
        h = wf.relu(nn.layers.batch_norm(nn.layers.conv2d(x, 8, 3, padding=1, b=None), flag))
        h = nn.layers.conv2d(wf.max_pool2d(h, 2), 6, (3, 1), groups=2, name="second")
        h = nn.layers.dropout(h, 0.5, wf.random.Stream(0), flag)
        return nn.layers.dense(h, 10)


def test_rows_are_layers():
    found = nn.summary(convolutional())
    by_name = {row.name: row for row in found.rows}
    assert list(by_name) == ["net.conv", "net.norm", "max_pool", "net.second", "net.dense"]
    assert [row.parameters for row in found.rows] == [216, 16, 0, 6 * 4 * 3 + 6, 6 * 6 * 8 * 10 + 10]
    assert [row.multiply_adds for row in found.rows] == [216 * 256, 0, 0, 6 * 6 * 8 * 12, 288 * 10]
    assert by_name["net.second"].shape[1:] == (6, 6, 8)
    assert str(by_name["net.dense"].shape[0]) == "batch"
    assert found.parameters == nn.count(convolutional())
    assert all("test_summary.py:" in row.line for row in found.rows)


def test_sizes_and_loops():
    x, w = wf.tensor3("x", ("time", "batch", 4)), wf.shared(np.ones((4, 4), np.float32), "cell_w")
    _, states = wf.scan(lambda h, at: (wf.tanh(h @ w + at),) * 2, wf.zeros((x.shape[1], 4)), x)
    assert nn.summary(states).multiply_adds == 16
    found = nn.summary(states, {"time": 7, "batch": 5})
    assert found.multiply_adds == 7 * 5 * 16
    assert [(row.name, row.parameters) for row in found.rows] == [("cell", 16)]


def test_what_has_no_parameters():
    a, b = wf.matrix("a", ("n", 3)), wf.matrix("b", (3, 2))
    found = nn.summary(wf.exp(a @ b))
    assert [(row.name, row.parameters, row.multiply_adds) for row in found.rows] == [("matmul", 0, 6)]
    assert nn.summary(wf.exp(a)).rows == []


def test_tables():
    found = nn.summary(convolutional())
    lines = str(found).splitlines()
    assert lines[0].split() == ["layer", "shape", "parameters", "multiply-adds", "line"]
    assert len({line.find("net.") for line in lines[1:3]}) == 1
    assert lines[-1].split()[1:] == [f"{found.parameters:,}", f"{found.multiply_adds:,}"]
    assert found._repr_html_().count("<tr>") == len(lines)


def test_wrong_arguments_are_told():
    with pytest.raises(wf.ArgumentError, match="summary: expr"):
        nn.summary(3)
    with pytest.raises(wf.ArgumentError, match="summary: sizes"):
        nn.summary(wf.matrix("a"), 3)
