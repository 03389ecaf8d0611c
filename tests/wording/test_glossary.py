"""One word for one thing: forms that no text of the project may hold, in English and in Chinese."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from sentences import modules

if TYPE_CHECKING:
    from pathlib import Path

    from sentences import Module

HOME = ROOT
PACKAGE = HOME / "accessibility"
ODD = {  # what to write instead
    r"\ban? (row|line|sentence|column) an? (?!row\b)\w+": "one row per ...",
    r"\btells of\b": "reports, describes, belongs to",
    r"\bsolver'?s word\b": "comes from branch and bound and was not verified independently",
    r"\bHow firm\b": "Sensitivity of the result",
    r"\bvouch(es)? for\b": "how the bound was obtained",
    r"\bEverybody walks\b": "Walking only",
    r"\bthat say so\b": "with that value",
    r"\bowed to\b": "data attribution",
    r"\bGive up after\b": "Time limit",
    r"\bputs? on the table\b": "the documents a planner needs",
    r"\bcannot be had\b": "infeasible",
    r"\bis best at\b": "objective of the plan",
    r"\bshortest longest\b": "minimise the longest walk",
    r"\bas good as possible\b": "maximise",
    r"\bby trying every (plan|choice)\b": "by exhaustive enumeration",
    r"\b(question|place|table|spacing|factor) that is none\b(?! of)": "an invalid ...",
}
IN_WORDS = {  # of what is read by users, not of comments
    r"\b(service |new |next )?counters?\b(?!-clockwise)": "outlet, branch or site",
    r"\boffices?\b(?! and planners)": "outlet",
    r"\b[Nn]obody\b": "no one",
    r"\bwhom\b": "people who",
    r"\banew\b": "again",
    r"\bbeside\b": "next to",
    r"\bdearer\b": "more expensive",
}
CHINESE = {
    "费用": "成本",
    "太远": "过远",
    "假如": "情景",
    "界限": "界",
    "需求点": "人口点",
    "渡船": "渡轮",
    "格网": "网格",
}
KEPT = ("agree-with-bank:", "amenity=")  # values of a column; tags


def texts(path: Path) -> list[tuple[str, str, str]]:
    """Return the key and both texts of every entry of a file of words."""
    words = tomllib.loads(path.read_text(encoding="utf-8"))
    return [(key, said["en"], said["zh"]) for key, said in words.items()]


def docstrings(module: Module) -> list[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [ast.get_docstring(node) or "" for node in module.nodes if isinstance(node, kinds)]


def odd(text: str, forms: dict[str, str]) -> list[str]:
    """Return the odd forms in a text, with what to write instead."""
    plain = re.sub(r"\s+", " ", text)
    found = [(match.group(), better) for form, better in forms.items() for match in re.finditer(form, plain)]
    return [f"{word!r}: {better}" for word, better in found]


@pytest.mark.parametrize("path", sorted((PACKAGE / "wording").glob("*.toml")), ids=lambda path: path.stem)
def test_the_words_of_pages_and_tables_are_those_of_engineers_and_planners(path: Path) -> None:
    for key, english, chinese in texts(path):
        if not english.startswith(KEPT):
            assert odd(english, ODD | IN_WORDS) == [], key
        assert [word for word in CHINESE if word in chinese] == [], key


def test_one_key_has_one_word_in_every_file_of_words() -> None:
    for key in ("covered", "uncovered", "unreached", "outlet", "cost"):
        said = {
            chinese for path in (PACKAGE / "wording").glob("[mnr]*.toml") for k, _, chinese in texts(path) if k == key
        }
        assert len(said) <= 1, (key, said)


@pytest.mark.parametrize(
    "path", ["README.md", "accessibility/present/templates/study.toml", "accessibility/present/templates/fetched.toml"]
)
def test_the_readme_and_the_study_speak_plainly(path: str) -> None:
    text = re.sub(r"\{\w+\}|amenity=\w+", "", (HOME / path).read_text(encoding="utf-8"))
    assert odd(text.replace("post offices and social security offices", ""), ODD | IN_WORDS) == []


def test_the_help_speaks_plainly() -> None:
    tree = ast.parse((PACKAGE / "cli" / "commands.py").read_text(encoding="utf-8"))
    said = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [found for text in said for found in odd(text, ODD | IN_WORDS)] == []


@pytest.mark.parametrize(
    "module", modules(), ids=lambda module: ".".join(module.path.relative_to(PACKAGE).with_suffix("").parts)
)
def test_docstrings_have_no_odd_forms(module: Module) -> None:
    assert [found for text in docstrings(module) for found in odd(text, ODD)] == []
