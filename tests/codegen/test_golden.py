"""What the compiler makes of small graphs, stage by stage, as text: a change in one stage is seen in that stage.

pytest tests/codegen/test_golden.py --update-golden     writes the texts anew, to be read in the diff
"""

import difflib
import functools
import re
from pathlib import Path

import pytest

from weft.codegen.cpu.run.compile import plan_nests
from weft.codegen.cpu.run.encode import Setting
from weft.codegen.cpu.run.plans import plan_text
from weft.codegen.lowering.bind import bind
from weft.codegen.lowering.text import bound_text, memory_text, nests_text, program_text
from weft.symbolic.text import listing

from .graphs import PROGRAMS, arguments, compiled

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "pytest tests/codegen/test_golden.py --update-golden"
STAGES = ("graph", "rewritten", "program", "nests", "memory", "bound", "plan")
_HEAD = "==== {} ===="


@functools.cache
def texts_of(name):
    """The stages of one of the programs, as `f.explain` prints them, without lines of the source."""
    program = PROGRAMS[name]()
    function = compiled(program)
    bound = bind(function.program, function.sizes(arguments(program)))
    moving = tuple(b for b in function.program.shared if b.node.op.storage.resizable)
    nests = plan_nests(function.program.nests)
    return {
        "graph": listing(function.source, sites=False),
        "rewritten": listing(function.graph, sites=False),
        "program": program_text(function.program, sites=False),
        "nests": nests_text(function.program),
        "memory": memory_text(function.program, bound),
        "bound": bound_text(bound),
        "plan": plan_text(bound, nests, Setting(2, moving), params=False),
    }


def written(texts):
    """The stages as they stand in a file."""
    return "\n\n".join(f"{_HEAD.format(stage)}\n\n{texts[stage]}" for stage in STAGES) + "\n"


def read(path):
    """The stages of a file."""
    if not path.exists():
        return dict.fromkeys(STAGES, "")
    parts = re.split(r"^==== (\w+) ====\n\n", path.read_text(), flags=re.MULTILINE)[1:]
    return {stage: text.rstrip("\n") for stage, text in zip(parts[::2], parts[1::2], strict=True)}


def difference(name, expected, found):
    """The stages that changed, as a unified diff, and how to accept that; "" where there is none."""
    lines = []
    for stage in STAGES:
        before, after = (texts.get(stage, "").splitlines() for texts in (expected, found))
        lines += difflib.unified_diff(before, after, f"{name}: {stage}, as written", "as it is now", lineterm="")
    return "\n".join([*lines, "", f"If that is as it should be: {UPDATE}", "and read the diff."]) if lines else ""


@pytest.mark.usefixtures("avx2")
@pytest.mark.parametrize("name", PROGRAMS)
def test_stages_are_as_they_were(name, request):
    path, found = GOLDEN / f"{name}.txt", texts_of(name)
    if request.config.getoption("--update-golden"):
        path.write_text(written(found))
    changed = difference(name, read(path), found)
    if changed:
        pytest.fail(changed, pytrace=False)


def test_every_text_is_of_a_program():
    assert sorted(path.stem for path in GOLDEN.iterdir()) == sorted(PROGRAMS)


def test_what_changed_is_shown_with_the_way_to_accept_it(tmp_path):
    texts = {stage: f"{stage} of x\n    second line" for stage in STAGES}
    (tmp_path / "one.txt").write_text(written(texts))
    assert read(tmp_path / "one.txt") == texts
    assert difference("one", texts, texts) == ""
    shown = difference("one", texts, {**texts, "bound": "bound of y\n    second line"})
    assert shown.splitlines()[:6] == [
        "--- one: bound, as written",
        "+++ as it is now",
        "@@ -1,2 +1,2 @@",
        "-bound of x",
        "+bound of y",
        "     second line",
    ]
    assert UPDATE in shown
    assert difference("new", read(tmp_path / "none.txt"), texts).count("+++") == len(STAGES)
