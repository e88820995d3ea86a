"""The gallery's page shows every program, with figures and pictures that are there."""

import json
import re
from pathlib import Path

from examples import gallery

ROOT = Path(__file__).parents[2]


def test_every_program_is_of_a_group_and_has_figures():
    folders = {path.parent.name for path in (ROOT / "examples").glob("*/*.py")}
    assert folders == set(gallery.GROUPS)
    found = json.loads(gallery.FIGURES.read_text())
    named = {key.split(" ")[0] for key in found}
    assert named == {program.name for program in gallery.programs()}
    assert all(run["figures"] for run in found.values())


def test_the_page_is_what_is_made_of_the_figures():
    page = (ROOT / "docs" / "gallery.md").read_text()
    assert page == gallery.page(json.loads(gallery.FIGURES.read_text()))
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", page)
    assert len(pictures) >= 50
    assert [path for path in pictures if not (ROOT / "docs" / path).exists()] == []


def test_most_programs_are_short():
    lines = sorted(program.lines for program in gallery.programs())
    assert lines[len(lines) // 2] < 80
    assert lines[-1] <= 150
