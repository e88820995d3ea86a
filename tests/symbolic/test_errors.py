"""Errors in full: the sentence, the lines of the user's program, the way out."""

import pickle
import re
import sys
import traceback

import numpy as np
import pytest

import weft as wf
from weft.symbolic import errors
from weft.symbolic.errors import NOWHERE, Site, at_site, blame, listing, user_site


def message(call):
    """The error that `call` raises, as a traceback ends; `line` stands for this file and the number of the line."""
    with pytest.raises(errors.WeftError) as caught:
        call()
    lines = [f"{type(caught.value).__name__}: {caught.value}", *getattr(caught.value, "__notes__", [])]
    return "\n".join(re.sub(r"\S*test_errors\.py:\d+ *", "line   ", line) for line in lines)


def test_shapes_of_a_product():
    x = wf.matrix("x", ("batch", 784))
    w = wf.shared(np.zeros((748, 10), "float32"), "w")

    def call():
        return x @ w

    assert message(call) == (
        "ShapeError: matmul: inner dimensions differ: (batch, 784) @ (748, 10), and 784 != 748.\n"
        "  line   return x @ w    <- here\n"
        '  line   x = wf.matrix("x", ("batch", 784))\n'
        '  line   w = wf.shared(np.zeros((748, 10), "float32"), "w")\n'
        "  hint: w needs shape (784, 10)."
    )


def test_shapes_that_do_not_broadcast():
    x = wf.matrix("x", (4, 3))
    b = wf.vector("b", (4,))

    def call():
        return x + b

    assert message(call) == (
        "ShapeError: add: shapes (4, 3) and (4,) do not broadcast: axis -1 has sizes 3 and 4.\n"
        "  line   return x + b    <- here\n"
        '  line   x = wf.matrix("x", (4, 3))\n'
        '  line   b = wf.vector("b", (4,))'
    )


def test_an_axis_that_does_not_exist():
    x = wf.matrix("x", (4, 3))

    def call():
        return x.sum(axis=2)

    assert message(call) == (
        "ShapeError: sum: axis 2 does not exist; the expression has 2 axes, from -2 to 1.\n"
        "  line   return x.sum(axis=2)    <- here\n"
        '  line   x = wf.matrix("x", (4, 3))'
    )


def test_a_reshape_that_does_not_fit():
    x = wf.matrix("x", (4, 3))

    def call():
        return x.reshape(5, 2)

    assert message(call) == (
        "ShapeError: reshape: (4, 3) has 12 elements, (5, 2) 10.\n"
        "  line   return x.reshape(5, 2)    <- here\n"
        '  line   x = wf.matrix("x", (4, 3))'
    )


def test_arrays_that_cannot_be_joined():
    x, y = wf.matrix("x", (4, 3)), wf.matrix("y", (4, 2))

    def call():
        return wf.concatenate([x, y], axis=0)

    assert message(call) == (
        "ShapeError: concatenate along axis 0: shapes (4, 3) and (4, 2) differ in another axis.\n"
        "  line   return wf.concatenate([x, y], axis=0)    <- here\n"
        '  line   x, y = wf.matrix("x", (4, 3)), wf.matrix("y", (4, 2))'
    )


def test_an_expression_over_several_lines_is_named_by_its_own():
    x = wf.matrix("x", (4, 3))

    def call():
        return wf.exp(
            x
            + wf.ones(
                (2, 2),
            )
        )

    assert message(call) == (
        "ShapeError: add: shapes (4, 3) and (2, 2) do not broadcast: axis -1 has sizes 3 and 2.\n"
        "  line   x    <- here\n"
        '  line   x = wf.matrix("x", (4, 3))\n'
        "  line   + wf.ones("
    )


def test_a_dtype_an_op_does_not_take():
    x = wf.vector("x", (3,))

    def call():
        return x & 1

    assert message(call) == (
        "DTypeError: bitwise_and takes integers or bools, not float32.\n"
        "  line   return x & 1    <- here\n"
        '  line   x = wf.vector("x", (3,))'
    )


def test_a_number_that_does_not_fit():
    x = wf.vector("x", (3,), "uint8")

    def call():
        return x + 1000

    assert message(call) == (
        "DTypeError: add: 1000 does not fit in uint8, whose values go from 0 to 255.\n"
        "  line   return x + 1000    <- here\n"
        "  hint: cast the other operand to a wider dtype first."
    )


def test_a_dtype_that_does_not_exist():
    def call():
        return wf.vector("x", dtype="complex64")

    assert message(call) == (
        "DTypeError: vector: dtype complex64 is not supported; "
        "weft has bool, int8 .. int64, uint8 .. uint64, float16 .. float64.\n"
        '  line   return wf.vector("x", dtype="complex64")    <- here'
    )


def test_what_cannot_be_part_of_an_expression():
    x = wf.vector("x")

    def call():
        return x + "text"

    assert message(call) == (
        "DTypeError: add: A value of type str cannot be part of an expression.\n"
        '  line   return x + "text"    <- here\n'
        "  hint: use numbers, arrays or expressions."
    )


def test_a_loss_that_is_no_scalar():
    x = wf.vector("x", (3,))
    loss = wf.exp(x)

    def call():
        return wf.grad(loss, x)

    assert message(call) == (
        "GradientError: grad needs a scalar, and this expression has shape (3,).\n"
        "  line   return wf.grad(loss, x)    <- here\n"
        "  line   loss = wf.exp(x)\n"
        "  hint: reduce it with .sum() or .mean(), or use vjp or jacobian."
    )


def test_a_variable_the_loss_does_not_depend_on():
    x = wf.vector("x", (3,))
    b = wf.shared(np.zeros(3), "b")

    def call():
        return wf.grad(x.sum(), [x, b])

    assert message(call) == (
        "GradientError: grad: The expression does not depend on b in a differentiable way, so there is no gradient.\n"
        "  line   return wf.grad(x.sum(), [x, b])    <- here\n"
        '  line   b = wf.shared(np.zeros(3), "b")\n'
        '  hint: leave it out, or use disconnected="zero" to get zeros.'
    )


def test_an_op_without_a_derivative_is_named_by_its_line():
    class NoDerivative(wf.Op):
        def infer(self, x):
            return x

    x = wf.vector("x", (3,))
    y = wf.apply(NoDerivative(), x)
    loss = y.sum()

    def call():
        return wf.grad(loss, x)

    assert message(call) == (
        "GradientError: no_derivative has no derivative: give its op a vjp method, or use stop_gradient.\n"
        "  line   y = wf.apply(NoDerivative(), x)    <- here"
    )


def test_an_error_inside_a_derivative_is_named_by_the_forward_line():
    wrong = wf.custom_gradient(lambda x: x * 2, lambda g, out, x: g @ wf.zeros((2, 2)))
    x = wf.vector("x", (3,))
    y = wrong(x)

    def call():
        return wf.grad(y.sum(), x)

    assert message(call).splitlines()[:2] == [
        "ShapeError: matmul: inner dimensions differ: (3,) @ (2, 2), and 3 != 2.",
        "  line   y = wrong(x)    <- here",
    ]


def test_sizes_assumed_equal_that_are_not():
    x, y = wf.vector("x", ("a",)), wf.vector("y", ("b",))
    z = x + y

    def call():
        return wf.evaluate(z, {x: np.ones(2), y: np.ones(3)})

    assert message(call) == (
        "GuardError: add: a and b have to be the same size, and in this call they are 2 and 3.\n"
        "  line   z = x + y    <- here\n"
        '  line   x, y = wf.vector("x", ("a",)), wf.vector("y", ("b",))'
    )


def test_a_value_that_is_missing_or_does_not_fit():
    x = wf.matrix("x", ("n", 3))

    def missing():
        return wf.evaluate(wf.exp(x))

    def misfit():
        return wf.evaluate(wf.exp(x), {x: np.ones((2, 4))})

    assert message(missing) == (
        "ArgumentError: evaluate: There is no value for x.\n"
        "  line   return wf.evaluate(wf.exp(x))    <- here\n"
        '  line   x = wf.matrix("x", ("n", 3))'
    )
    assert message(misfit) == (
        "ShapeError: evaluate: x has shape (n, 3), its value (2, 4).\n"
        "  line   return wf.evaluate(wf.exp(x), {x: np.ones((2, 4))})    <- here\n"
        '  line   x = wf.matrix("x", ("n", 3))'
    )


def test_a_shared_value_that_does_not_fit():
    w = wf.shared(np.zeros((2, 3), "float32"), "w")

    def call():
        w.set_value(np.zeros((3, 2), "float32"))

    assert message(call) == (
        "ShapeError: set_value: w has shape (2, 3); the value (3, 2).\n"
        '  line   w.set_value(np.zeros((3, 2), "float32"))    <- here'
    )


class TestCompiled:
    """Errors of compiling and calling."""

    def test_an_input_that_is_not_listed(self):
        x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
        z = x + y

        def call():
            return wf.function([x], z)

        text = message(call)
        assert text.startswith("ArgumentError: ")
        assert "  line   return wf.function([x], z)    <- here" in text
        assert '  line   x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))' in text

    def test_sizes_assumed_equal_that_are_not(self):
        x, y = wf.vector("x", ("a",)), wf.vector("y", ("b",))
        z = x + y
        f = wf.function([x, y], z)

        def call():
            return f(np.ones(2, "float32"), np.ones(3, "float32"))

        text = message(call).splitlines()
        assert text[:2] == [
            "GuardError: add: a and b have to be the same size, and in this call they are 2 and 3.",
            "  line   z = x + y    <- here",
        ]

    def test_an_index_out_of_range(self):
        x, i = wf.vector("x", ("n",)), wf.vector("i", ("k",), "int64")
        picked = x[i]
        f = wf.function([x, i], picked)

        def call():
            return f(np.ones(3, "float32"), np.array([0, 3]))

        text = message(call).splitlines()
        assert text[0].startswith("IndexRangeError: ")
        assert "3" in text[0]
        assert text[1] == "  line   picked = x[i]    <- here"


class TestSite:
    def test_the_line_is_that_of_the_call_and_its_text_is_the_source(self):
        site = user_site()
        assert site.text == "site = user_site()"
        assert str(site) == f"{site.file}:{site.line}"
        assert site.line == sys._getframe().f_lineno - 3

    def test_the_line_is_right_in_long_functions(self):
        lines = ["import weft as wf", "x = wf.vector('x')", *["x = wf.sin(x)"] * 3000]
        scope: dict = {}
        exec(compile("\n".join(lines), "long.py", "exec"), scope)
        node, number = scope["x"], len(lines)
        for _ in range(5):
            assert (node.site.file, node.site.line) == ("long.py", number)
            node, number = node.args[0], number - 1

    def test_it_travels_with_file_and_line(self):
        site = user_site()
        twin = pickle.loads(pickle.dumps(site))
        assert (twin.file, twin.line, twin.text) == (site.file, site.line, site.text)
        assert pickle.loads(pickle.dumps(twin)) == twin

    def test_another_file_without_source(self):
        site = Site("<somewhere>", 7)
        assert (str(site), site.text) == ("<somewhere>:7", "")

    @pytest.mark.parametrize(("module", "mine"), [("weft", 0), ("weft.nn.layers", 0), ("wefty", 1), ("my.weft.x", 1)])
    def test_it_is_outside_of_weft(self, module, mine):
        scope: dict = {"__name__": module}
        exec(compile("def make():\n    return site()", "inner.py", "exec"), scope)
        scope["site"] = user_site
        line = sys._getframe().f_lineno + 1
        found = scope["make"]()
        assert (found.file, found.line) == (("inner.py", 2) if mine else (user_site().file, line))

    def test_files_are_named_from_the_working_folder(self, tmp_path, monkeypatch):
        (tmp_path / "below").mkdir()
        monkeypatch.chdir(tmp_path / "below")
        inside, outside = Site(str(tmp_path / "below" / "a.py"), 1), Site(str(tmp_path / "b.py"), 2)
        assert (str(inside), str(outside)) == ("a.py:1", f"{tmp_path / 'b.py'}:2")
        assert (str(Site("", 0)), bool(Site("", 0)), bool(inside)) == ("", False, True)

    def test_at_site_nests(self):
        a, b = Site("a.py", 1), Site("b.py", 2)
        with at_site(a):
            with at_site(b):
                assert user_site() == b
            assert user_site() == a
        assert user_site().path == __file__


def test_the_line_of_a_test_is_not_the_message():
    """Else what a test expects of a message, on the line of the call, would be found in the error's notes."""
    error = blame(ValueError("wrong"), user_site(), hint="mend it")
    for expected in ("mend it", "blame"):
        with (
            pytest.raises(AssertionError, match="Regex pattern did not match"),
            pytest.raises(ValueError, match=expected),
        ):
            raise error


def test_blame_leaves_out_what_is_from_nowhere():
    error = blame(ValueError("wrong"), NOWHERE, None, Site("a.py", 1), Site("longer.py", 20), hint="mend it.")
    assert error.__notes__ == ["  a.py:1" + " " * 13 + "<- here", "  longer.py:20", "  hint: mend it."]
    assert not hasattr(blame(ValueError("wrong"), NOWHERE), "__notes__")
    blame(error, Site("longer.py", 20))
    assert len(error.__notes__) == 4
    blame(error, Site("longer.py", 20))
    assert len(error.__notes__) == 4


def test_blame_names_each_line_once_and_the_first_as_the_place():
    a, b = Site("<a>", 1), Site("<bcd>", 20)
    error = blame(wf.ShapeError("No."), a, None, b, a, hint="yes.")
    assert error.__notes__ == ["  <a>:1          <- here", "  <bcd>:20", "  hint: yes."]
    assert "".join(traceback.format_exception_only(error)).splitlines()[1:] == error.__notes__


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (wf.ShapeError, ValueError),
        (wf.DTypeError, TypeError),
        (wf.GradientError, ValueError),
        (wf.RewriteLoop, RuntimeError),
        (wf.LoweringError, NotImplementedError),
        (wf.GuardError, ValueError),
        (wf.ArgumentError, TypeError),
        (wf.IndexRangeError, IndexError),
        (wf.VerifyError, AssertionError),
    ],
)
def test_every_error_is_a_weft_error_and_one_of_pythons(error, builtin):
    assert issubclass(error, wf.WeftError)
    assert issubclass(error, builtin)


def test_every_error_is_exported_and_has_a_page():
    from pathlib import Path

    pages = {page.stem for page in (Path(wf.__file__).parent / "docs" / "errors").glob("*.md")}
    classes = {name for name, c in vars(errors).items() if isinstance(c, type) and issubclass(c, wf.WeftError)}
    assert all(hasattr(wf, name) for name in classes)
    assert classes - {"WeftError"} == pages - {"README"}


def test_listing():
    assert [listing(list("abc"[:n])) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


def test_classes_print_as_they_are_imported():
    for kind in (wf.WeftError, *wf.WeftError.__subclasses__()):
        assert (kind.__module__, getattr(wf, kind.__name__)) == ("weft", kind)
