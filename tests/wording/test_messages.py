"""What is told in Chinese is what the program says: every message of the table is one that the code can say."""

# ruff: noqa: RUF001 -- Chinese has its own punctuation

from __future__ import annotations

import ast
import errno
import os
import random
import re
import tomllib
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from commands import call
from pydantic_core._pydantic_core import list_all_errors
from sentences import PACKAGE, findings, modules, sentences

from accessibility.cli.console import Silence, print_check
from accessibility.cli.runs import run_check
from accessibility.sources.recognition import ROLES
from accessibility.wording import Wording, _messages, _sentences, message_text

MESSAGES = _sentences("messages")
RAISED, OBSERVED = (tuple(dict.fromkeys(told())) for told in (sentences, findings))
PARTS = {  # what is a sentence, or a word of one, itself
    "_where": "scenario '4': ",
    "absence": "no such file",
    "bound_by": "tree",
    "contradiction": "required sites exclude each other: 4",
    "missing": "lon",
    "rows_text": "2 cells are no numbers: row 3 'x', row 4 'y'",
    "shown": "row 3 'x'",
    "wanted": "line",
    "what": "is negative",
    "does": "opens",
    "ended_by": "proof",
    "status": "optimal",
}
ELSEWHERE = (  # as glibc and typer say it; what the code, and tomllib's, puts together of words
    *("Name or service not known", "Temporary failure in name resolution"),
    *(
        "at end of document",
        "Unescaped '\\' in a string",
        "point or polygon or multipolygon",
        *("Got unexpected extra argument(s)", "'chek'. Did you mean", "is not one of"),
        "NOT EQUAL, the run told",
        "m if read as",
        *("title rows set aside: rows", "blank rows set aside: rows", "subtotal rows set aside: rows"),
        *("is a code in scientific notation", "are codes in scientific notation", "read as no partner"),
        *("people per km² (most", "cash machines with 1603: set aside", "the first shown of"),
        *("were all compounds for residents only", "population = {{ reconcile = true }} makes them equal"),
    ),
)
KNOWN = {
    "known_absence": "no such file",
    "known_aim": "worst",
    "known_axes": "lon and lat",
    "known_by": "tree",
    "known_claim": "that no plan does what is asked",
    "known_column": "4.csv: no column 'x'; it has none",
    "known_evidence": "median distance to a street 4 m against 5 m",
    "known_fault": "Invalid value",
    "known_doubt": "there is no relation",
    "known_ended": "work",
    "known_error": "the certificate prices a limit that was not set",
    "known_part": "streets newly built",
    "known_people": "4 people in x",
    "known_rows": "row 3 'x'",
    "known_rule": "15-minute walk",
    "known_status": "optimal",
    "known_step": "0.01 degrees",
    "known_sentence": "the certificate prices a limit that was not set",
    "known_shares": "4 % at 1.0 m/s, 5 % at 1.2 m/s",
    "known_text": "Were all streets flat",
    "known_times": "hundreds",
    "known_unit": "feet",
    "known_wanted": "line",
    "known_what": "lines",
    "known_where": "first 4, 5 km from the middle of the area",
    "known_whose": "the folder holds",
    "known_why": "required sites exclude each other: 4",
    "known_wish": "Input should be a valid string",
}
PYTHON: dict[str, str | None] = {  # what only callers from Python can meet: sentences of a module; None for all
    "demand.py": "demand table lacks",
    "errors.py": None,
    "geo/arrays.py": None,
    "geo/plotting.py": None,
    "geo/projection.py": "table has no|longitudes have shape",
    "measures/access.py": None,
    "measures/blackspots.py": None,
    "measures/catchments.py": None,
    "measures/coverage.py": None,
    "measures/inequalities.py": None,
    "measures/routes.py": None,
    "measures/service_areas.py": None,
    "measures/surface.py": None,
    "measures/tables.py": None,
    "measures/travel_times.py": None,
    "present/charts.py": None,
    "present/language.py": None,
    "present/layers/styles.py": None,
    "present/map/living.py": None,
    "present/map/outlines.py": None,
    "present/pages.py": None,
    "settlement.py": "two grids|population runs|land runs",
    "sites.py": "sites table",
    "siting/alternatives.py": "plans is|within is",
    "siting/instances.py": None,
    "siting/limits.py": "spacing_m",
    "siting/plan.py": "the plan knows no study|does not hold its problem|came from a matrix",
    "siting/problem.py": None,
    "siting/tree.py": "lines of",
    "sources/osm/topology.py": "^ways",
    "sources/tables/reading.py": "DataFrame",
    "streets/editing.py": "names edge",
    "streets/graphs.py": "^nodes|^edges",
    "streets/search/updates.py": None,
    "streets/snapping.py": None,
    "study/candidates.py": "workers is",
    "study/loading/values.py": None,
    "study/reaching.py": None,
    "uncertainty/bars.py": None,
    "uncertainty/trying.py": None,
    "whatif/comparison.py": None,
    "whatif/scenario.py": "is closed already; expected one that is closed|is open already; expected one that is open",
    "whatif/trial.py": "a coverage without a study",
    "wording/__init__.py": None,
}


FOUND = {  # what is a sentence, or a word of one, itself, in a finding
    "_OTHERS": "ten times",
    "_UNITS": "hundreds",
    "_comparison": "median distance to a street 4 m against 5 m",
    "change_text": "coverage would change by +0.23 points",
    "doubts": "there is no relation",
    "evidence": "4 a km² of 4 km²",
    "meant": "4 km in a straight line",
    "which": "on streets cut off from the main network",
    "read_as": "open",
    "reasons": ": 4 motorroad=yes",
    "replace": "blank row",
    "rows_text": "2 cells are not understood: row 3 'x'",
    "said": "4 minutes are no walk: are they hours?",
    "step_text": "0.01 degrees",
    "unit": "no metres",
    "what": "lines",
}
FOUND_TEXT = {  # what their modules call a text
    "quality/gate.py": "were all compounds open to everybody",
    "quality/impact.py": "4 sites stand on one point: 4; without the doubles",
    "sources/tables/people.py": "2 cells have a point before three digits: row 3 'x'",
    "sources/tables/points.py": "2 cells are blank or no numbers: row 3 'x'",
}


def places(form: str) -> list[str]:
    """Return the names of the places in a sentence, each once."""
    return list(dict.fromkeys(name for _, name, *_ in Formatter().parse(form) if name))


def passes_on(form: str) -> bool:
    """Return whether a sentence is another one, with at most the file before it."""
    return re.sub(r"\{\w+\}|scenario|more|and|; |: ", "", form).strip() == ""


@cache
def texts() -> str:
    """Return every text of the package's code and tables, each piece of a formatted one on a line of its own."""
    nodes = [node for module in modules() for node in module.nodes if isinstance(node, ast.Constant)]
    ours = [node.value for node in nodes if isinstance(node.value, str)] + [raised.form for raised in RAISED]
    toml = ast.unparse(ast.parse(Path(tomllib.loads.__code__.co_filename).read_text("utf-8")))
    pydantic = [str(error["message_template_python"]) for error in list_all_errors()]
    tables = [path.read_text("utf-8") for path in PACKAGE.rglob("*.toml") if path.parent.name != "wording"]
    return "\n".join([*ours, *tables, toml, *pydantic, *map(os.strerror, errno.errorcode), *ELSEWHERE])


def phrases(piece: str) -> list[str]:
    """Return every four words in a row: the code may put one sentence together of two."""
    words = piece.split()
    return [" ".join(words[k : k + 4]) for k in range(len(words) - 3)]


@pytest.mark.parametrize("key", sorted(MESSAGES))
def test_a_message_stands_in_the_code_and_is_known_again(key: str) -> None:
    english, chinese = MESSAGES[key]["en"], MESSAGES[key]["zh"]
    pieces = [part.strip(":,() ") for half in re.split(r"\{\w+\}", english) for part in half.split(";")]
    long = [piece for piece in pieces if len(piece.split()) > 3]
    assert [piece for piece in long if not any(phrase in texts() for phrase in phrases(piece))] == []
    values = {name: str(4_001 + at) for at, name in enumerate(places(english))}
    known = {name: KNOWN[name] for name in values if name.startswith("known_")}
    told = {name: message_text(value, "zh") for name, value in known.items()}
    assert message_text(english.format(**values | known), "zh") == chinese.format(**values | told)
    alone = re.sub(r": rows (\d+)(?=;|:|$)", r": row \1", english.format(**values))
    assert message_text(english.format(**values), "en") == alone


def test_a_role_of_a_file_is_called_by_its_word_in_every_message() -> None:
    """And every sentence of the code that names a role is such a message."""
    told, said = [one["en"] for one in MESSAGES.values() if "{role}" in one["en"]], _sentences("console")
    assert len(told) > 3
    for role in ROLES:
        for english in told:
            values = {name: str(4_001 + at) for at, name in enumerate(places(english))}
            chinese = message_text(english.format(**values | {"role": role}), "zh")
            assert said[f"role_{role}"]["zh"] in chinese, english
            assert role not in chinese.partition("如 ")[0], english
    for raised in (*RAISED, *OBSERVED):
        if "{role}" in raised.form:
            values = {name: str(4_001 + at) for at, name in enumerate(places(raised.form))}
            chinese = message_text(raised.form.format(**values | {"role": "banks"}), "zh")
            assert "银行网点" in chinese, raised
    roles = message_text(f"a.csv is given as 'shops'; expected one of {', '.join(ROLES)}", "zh")
    assert "outlets（服务网点）、banks（银行网点）" in roles


@pytest.mark.parametrize("module", sorted({raised.module for raised in RAISED}))
def test_every_sentence_that_a_planner_can_meet_is_told_in_chinese(module: str) -> None:
    """Each value stands in the Chinese sentence, too, and no English words do."""
    told_to_python = PYTHON.get(module, "")
    for raised in RAISED:
        if raised.module != module or told_to_python is None or passes_on(raised.form):
            continue
        if told_to_python and re.search(told_to_python, raised.form):
            continue
        values = {name: str(4_001 + at) for at, name in enumerate(places(raised.form))}
        english = raised.form.format(**values | {name: PARTS[name] for name in values if name in PARTS})
        chinese = message_text(english, "zh")
        lost = [value for name, value in values.items() if name not in PARTS and value not in chinese]
        assert (chinese != english, lost) == (True, []), english
        assert re.findall(r"(?:[a-z]+ ){3,}[a-z]+", chinese) == [], chinese


@pytest.mark.parametrize("module", sorted({found.module for found in OBSERVED}))
def test_every_finding_that_a_planner_can_meet_is_told_in_chinese(module: str) -> None:
    """As an error is: each value stands in the Chinese sentence, and no English words do."""
    parts = FOUND | ({"text": FOUND_TEXT[module]} if module in FOUND_TEXT else {})
    for found in OBSERVED:
        if found.module != module or not re.search("[a-z]", re.sub(r"\{\w+\}", "", found.form)):
            continue
        values = {name: str(4_001 + at) for at, name in enumerate(places(found.form))}
        english = found.form.format(**values | {name: parts[name] for name in values if name in parts})
        chinese = message_text(english, "zh")
        lost = [value for name, value in values.items() if name not in parts and value not in chinese]
        assert (chinese != english, lost) == (True, []), english
        assert re.findall(r"(?:[a-z]+ ){2,}[a-z]+", chinese) == [], chinese


def test_what_only_python_can_meet_is_still_there() -> None:
    """An exception that excepts nothing is taken out."""
    for module, pattern in PYTHON.items():
        forms = [raised.form for raised in RAISED if raised.module == module]
        assert forms, module
        for one in (pattern or "").split("|"):
            assert any(re.search(one, form) for form in forms), (module, one)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "study.toml: standard.urban: unknown key; did you mean town?; area: required and not there; and 3 more",
            "study.toml 中：standard.urban：未知的键；是否应为town？；area：必须填写；另有3处",
        ),
        (
            "a.csv: column '人口': 3 cells are no numbers: row 2 'x', row 3 'a, b', ...; expected numbers",
            "a.csv：列'人口'：3个单元格不是数值：第2行“x”、第3行“a, b”等；应为数值",
        ),
        (
            "streets.osm: a folder, not a file (/tmp/streets.osm)",
            "streets.osm：是文件夹，不是文件（路径：/tmp/streets.osm）",
        ),
        (
            "a.csv: no column 'x'; it has line, lon; did you mean lon?",
            "a.csv：没有列'x'；现有列：line, lon；是否应为lon？",
        ),
        (
            "s.toml: scenario 'x': site 'B1' is open already; expected one that is closed",
            "s.toml 中：情景'x'：网点'B1'已是开放状态；应为未开放的网点",
        ),
        (
            "maps cannot be written: Permission denied; expected a writable place",
            "maps无法写入：没有权限；应为可写入的位置",
        ),
        (
            "the plan that comes closest is short by 1,495 people in A, B, 86 people in C, 3 people in D",
            "最接近要求的方案仍差A, B的1,495人、C的86人、D的3人",
        ),
        ("its bound 4 (optimal), by a look at every plan", "其界4（已证明最优），由逐一枚举得出"),
        ("what; no one, wrote: down", "what; no one, wrote: down"),
    ],
)
def test_what_stands_inside_a_message_is_told_too_and_a_name_stays(english: str, chinese: str) -> None:
    assert message_text(english, "zh") == chinese


@pytest.mark.parametrize(
    ("language", "says"), [(["--lang", "zh"], "错误："), (["--lang=zh"], "错误："), (["--lang", "en"], "error: ")]
)
def test_a_command_says_its_errors_in_the_language_that_is_asked_for(
    language: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "check", tmp_path / "none.toml", "--quiet", *language) == 2
    told = capsys.readouterr().err
    assert told.startswith(says)
    assert ("文件不存在" in told) == (says == "错误：")
    assert ("expected" in told) == (says == "error: ")


def test_check_tells_its_findings_in_chinese(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    print_check(run_check(sample, Silence(), tmp_path / "told", language="zh"), "zh")
    written = (tmp_path / "told" / "quality.csv").read_text("utf-8-sig")
    assert re.findall(r"(?:[a-z]+ ){2,}[a-z]+", written) == []
    assert "覆盖率将变化" in written
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("! ", "   "))]
    assert len(told) > 15
    assert [line for line in told if "原文" in line] == []


def test_a_long_row_of_names_is_looked_through_once_not_once_for_each_way_to_part_it() -> None:
    names = ", ".join(f"name {number}" for number in range(60))
    assert message_text(names, "zh") == names
    said = message_text(f"x.docx: unsupported format .docx; expected one of {names}", "zh")
    assert said == f"x.docx：不支持的格式.docx；应为：{names}"
    empty = "people.csv: the file is empty (0 bytes)"
    assert message_text("; ".join([empty] * 60), "zh") == "；".join([message_text(empty, "zh")] * 60)


@pytest.mark.parametrize("joint", [": ", "; ", ", ", " and ", "a: b; c, ", "row 1 'a', ", "x: row 1 'a'; expected "])
@pytest.mark.parametrize("several", [300, 3_000])
def test_what_is_made_of_joints_alone_stays_as_it_is(joint: str, several: int) -> None:
    assert message_text(joint * several, "zh") == joint * several


def test_a_message_in_another_ones_words_is_read_in_one_pass_and_as_if_every_way_were_tried() -> None:
    """The oracle is the form in which each place tries every end; of those the new form may keep one alone."""
    draw = random.Random(7)  # noqa: S311 -- no secret
    for _, pieces, pattern, _ in _messages("zh"):
        plain = pattern.replace("(?>", "(?:")
        assert pattern.count(".*?") - pattern.count("(?>") <= 1, pattern
        for _ in range(3):
            text = "".join(f"{piece}{draw.choice(['', 'x', '4', '1,000', piece, f'x{piece}'])}" for piece in pieces)
            text = draw.choice(["", "a", *pieces]) + text + draw.choice(["", pieces[-1]])
            found, known = (re.fullmatch(form, text, re.DOTALL) for form in (pattern, plain))
            assert (found and found.groupdict()) == (known and known.groupdict()), (pattern, text)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("1 title rows set aside: rows 1", "1 title row set aside: row 1"),
        ("2 blank rows set aside: rows 1, 5; a: rows 12: b", "2 blank rows set aside: rows 1, 5; a: row 12: b"),
        ("1 edges, 1 km with 1 people along, are public", "1 edge, 1 km with 1 person along, is public"),
        ("row 1 has cells, 1 or more rows, 1 km of streets", "row 1 has cells, 1 or more rows, 1 km of streets"),
        ("1 outlets, 1 partner bank branches", "1 outlet, 1 partner bank branch"),
        ("t.csv: 1 buildings lie in no district", "t.csv: 1 building lies in no district"),
        ("1 of 3 sites do not meet counts_if", "1 of 3 sites does not meet counts_if"),
        ("11 rows, 0.1 points, 2,001 sites are 1 people", "11 rows, 0.1 points, 2,001 sites are 1 person"),
        ("map 1 sites.csv: 21 sites are closed", "map 1 sites.csv: 21 sites are closed"),
        ("1 bank branches from OpenStreetMap", "1 bank branch from OpenStreetMap"),
        ("none of its 1 ways may be walked", "none of its 1 ways may be walked"),
    ],
)
def test_english_speaks_of_one_as_of_one(told: str, said: str) -> None:
    assert message_text(told, "en") == said


def test_sentences_of_a_map_and_a_report_do_so_too() -> None:
    assert Wording("map", "en")("reached_by", outlets="1", banks="0") == "1 outlet, 0 partner bank branches"
    assert Wording("report", "en")("more_rows", more=1) == "1 more row is in the workbook."
