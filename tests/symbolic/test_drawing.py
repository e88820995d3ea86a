"""Graphs as pictures, and what notebooks show."""

import shutil
import sys

import pytest

import weft as wf
from weft.symbolic import drawing
from weft.symbolic.expr import toposort

X = wf.matrix("x", ("n", 3))
Y = wf.tanh(X @ wf.shared([[1.0], [2.0], [3.0]], "w <1>"))


def chain(length):
    y = Y
    for _ in range(length):
        y = wf.sin(y)
    return y


LARGE = chain(drawing.SMALL)


def test_a_picture_shows_every_node():
    pytest.importorskip("graphviz")
    if shutil.which("dot") is None:
        pytest.skip("Graphviz's program is not installed")
    picture = wf.to_svg(Y)
    nodes = toposort([Y])
    assert picture.count('class="node"') == len(nodes) >= 4
    assert picture.count('class="edge"') == sum(len(node.args) for node in nodes)
    assert "w &lt;1&gt;" in picture
    assert LARGE._repr_svg_() == wf.to_svg(LARGE)
    assert LARGE._repr_latex_() is LARGE._repr_html_() is None


def test_without_graphviz_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match="pip install graphviz"):
        wf.to_svg(Y)
    assert LARGE._repr_svg_() is None
    assert LARGE._repr_html_().startswith("<pre>")


def test_without_its_program_it_says_what_to_install(monkeypatch, tmp_path):
    pytest.importorskip("graphviz")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImportError, match="`dot`, which is not found"):
        wf.to_svg(Y)
    assert LARGE._repr_svg_() is None
    assert LARGE._repr_html_().startswith("<pre>")


def test_notebooks_list_graphs_with_their_lines(monkeypatch):
    monkeypatch.setattr(drawing, "_has_graphviz", lambda: False)
    found = LARGE._repr_html_()
    assert found.startswith("<pre>x = input")
    assert "test_drawing.py:" in found
    assert "w &lt;1&gt; = shared" in found
    monkeypatch.undo()
    long = chain(drawing.LARGEST + 5)
    assert long._repr_latex_() is long._repr_svg_() is None
    assert long._repr_html_().count("\n") == drawing.LARGEST
    assert Y._repr_latex_().startswith(r"$\displaystyle \tanh(x")
    assert Y._repr_html_() is Y._repr_svg_() is None
    assert "... " in long._repr_html_()


def test_what_is_no_graph():
    with pytest.raises(wf.ArgumentError, match="outputs"):
        wf.to_svg(3)
