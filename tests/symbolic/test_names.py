"""Names: one class has one name, and functions that act are verbs."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import weft

ROOT = Path(weft.__file__).parent
FOLDERS = ("symbolic", "ops", "codegen", "nn", "exchange", "testing", "compat")

# Theano's names, which its programs ask for or see
THEANOS = {"Apply", "Cast", "Cholesky", "Function", "Op", "Reshape", "Scalar", "Solve"}

# what ends in a participle all the same
EXCEPTIONS = {
    "documented": "a decorator, which says what the function is then",
    "gc_paused": "a decorator, which says in which state the function runs",
    "shared": "public, and Theano's: the constructor of shared variables",
    "grad_undefined": "Theano's name",
    "get_shared": "Theano's name",
    "searchsorted": "Theano's name, and NumPy's",
}

IRREGULAR = frozenset(
    [
        "begun",
        "bought",
        "brought",
        "broken",
        "built",
        "caught",
        "chosen",
        "done",
        "drawn",
        "driven",
        "eaten",
        "fallen",
        "felt",
        "forgotten",
        "fought",
        "found",
        "frozen",
        "given",
        "gone",
        "grown",
        "heard",
        "held",
        "hidden",
        "kept",
        "known",
        "laid",
        "led",
        "left",
        "lent",
        "lost",
        "made",
        "meant",
        "met",
        "paid",
        "said",
        "seen",
        "sent",
        "shaken",
        "shown",
        "sold",
        "sought",
        "spent",
        "spoken",
        "stood",
        "stolen",
        "struck",
        "stuck",
        "sworn",
        "taken",
        "taught",
        "thrown",
        "told",
        "torn",
        "understood",
        "woken",
        "won",
        "wound",
        "written",
    ]
)
NO_PARTICIPLES = {"embed", "feed", "need", "proceed", "seed", "signed", "speed", "succeed", "unsigned"}
FACTS = {"property", "cached_property", "functools.cached_property"}


@cache
def trees(*folders):
    """(path, syntax tree) of the files in these folders of the package."""
    files = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [(path.relative_to(ROOT), ast.parse(path.read_text())) for path in files]


def is_participle(word):
    plain = re.sub("^(un|re|over|mis)(?=...)", "", word)
    return word not in NO_PARTICIPLES and (word.endswith("ed") or bool({word, plain} & IRREGULAR))


def acts(function):
    """Whether it is called: properties say what something is, and `is_...` asks for it."""
    words = function.name.strip("_").split("_")
    decorators = {ast.unparse(d) for d in function.decorator_list}
    return not FACTS & decorators and words[0] not in ("is", "are", "has")


def test_what_is_a_participle():
    assert all(map(is_participle, ("checked", "found", "rebuilt", "unseen", "widened")))
    assert not any(map(is_participle, ("check", "find", "seed", "put", "split", "unsigned", "rewrite")))


def test_functions_that_act_are_verbs():
    found = [
        (f"{path}:{node.lineno}", node.name)
        for path, tree in trees(*FOLDERS)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and is_participle(node.name.strip("_").split("_")[-1]) and acts(node)
    ]
    assert [place for place in found if place[1] not in EXCEPTIONS] == []
    assert {name for _, name in found} == set(EXCEPTIONS)  # no more are excepted than there are


def test_a_class_name_stands_once():
    places = defaultdict(list)
    for path, tree in trees(*FOLDERS):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path)
    repeated = {name: found for name, found in places.items() if len(found) > 1}
    assert set(repeated) == THEANOS
    assert all(sum(path.parts[0] == "compat" for path in found) == 1 and len(found) == 2 for found in repeated.values())
