"""`accessibility new DIR FILE...`: from files to a study, and on to the pack."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from commands import call
from osmfiles import node, relation, way, write_osm
from rawtowns import write_county

from accessibility.cli.console import Silence
from accessibility.cli.starting import reconcile_study, study_text
from accessibility.errors import InputError
from accessibility.study.sample_county import sample_study
from accessibility.study.schema import read_study_file
from accessibility.study.study import read_study
from accessibility.wording import console_language

if TYPE_CHECKING:
    from accessibility.wording import Language


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Return the sample's files, without its study."""
    folder = tmp_path / "原始 数据"
    shutil.copytree(sample_study().parent, folder)
    (folder / "study.toml").unlink()
    return folder


def test_raw_files_become_the_study_that_a_hand_would_write(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "new", tmp_path / "county", *sorted(raw.iterdir()), "--lang", "en") == 0
    said = capsys.readouterr().out
    assert "outlets.csv: taken as GCJ-02: 10 of 10 sites lie in the district they name" in said
    written, by_hand = read_study(tmp_path / "county" / "study.toml"), read_study(sample_study())
    assert written.settings.inputs.outlets is not None
    assert written.settings.inputs.outlets.coordinates == "GCJ-02"
    assert written.settings.inputs.banks is not None
    assert written.settings.inputs.banks.coordinates == "WGS84"
    assert written.coverage().covered_people == by_hand.coverage().covered_people
    assert written.demand.groups.keys() == by_hand.demand.groups.keys()
    assert "../" in (tmp_path / "county" / "study.toml").read_text("utf-8")  # the folders can be moved together
    assert call(monkeypatch, "new", tmp_path / "county", raw / "banks.xlsx") == 2  # never written over
    assert "exists; expected a folder without a study" in capsys.readouterr().err


def test_it_goes_on_to_the_pack_in_chinese(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (raw / "dem.tif").unlink()
    files = [*sorted(raw.iterdir())]
    assert call(monkeypatch, "new", "县", *files, "--run", "--lang", "zh", "--quiet") == 0
    (folder,) = (tmp_path / "maps").iterdir()
    assert {"coverage.html", "report.html", "districts.csv"} <= {path.name for path in folder.iterdir()}
    assert "人能在规定范围内" in (folder / "report.html").read_text("utf-8") or "149,923人" in (
        folder / "coverage.html"
    ).read_text("utf-8")
    text = (tmp_path / "县" / "study.toml").read_text("utf-8")
    assert "# outlets.csv\N{FULLWIDTH COLON}识别为服务网点" in text
    assert "服务标准" in text


def test_a_study_that_cannot_be_read_yet_is_written_and_says_why(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "new", tmp_path / "x", raw / "outlets.csv", raw / "districts.gpkg", "--lang", "en") == 2
    said = capsys.readouterr().err
    assert "is written but cannot be read yet" in said
    for missing in ("there are no streets among the files", "there are no people among the files"):
        assert missing in said
    assert "no outlets" not in said
    assert (tmp_path / "x" / "study.toml").is_file()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_templates_are_read_and_say_the_same(language: Language, tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "accessibility" / "present" / "templates"
    texts = [(folder / name).read_text("utf-8") for name in ("study.toml", "study.zh.toml")]
    assert tomllib.loads(texts[0]) == tomllib.loads(texts[1])
    for text in texts:
        (tmp_path / "study.toml").write_text(text, encoding="utf-8")
        assert read_study_file(tmp_path / "study.toml").siting.cost.new == 3
    empty = study_text([], tmp_path, language)
    assert tomllib.loads(empty)["inputs"] == {}


def test_the_terminal_speaks_as_asked_else_as_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    for told, expected in (("zh_CN.UTF-8", "zh"), ("C.UTF-8", "en"), ("de_DE.UTF-8", "en")):
        monkeypatch.setenv("LC_ALL", told)
        assert console_language() == expected
        assert console_language("en") == "en"
        assert console_language("zh") == "zh"


def test_an_extract_alone_gives_boundaries_people_and_sites_to_look_at(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch, "new", tmp_path / "x", raw / "roads.osm.pbf", "--lang", "en")
    said = capsys.readouterr().out
    assert "districts: 14 whole boundaries of level" in said
    inputs = tomllib.loads((tmp_path / "x" / "study.toml").read_text("utf-8"))["inputs"]
    assert inputs["banks"] == {"osm": "amenity=bank"}
    assert inputs["area"]["path"] == inputs["network"]["path"]
    assert "admin_level" in inputs["area"]
    assert "counted" not in inputs["area"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--run", "--reconcile"], "--run and --reconcile without FILE"),
        (["--budget", 3, "a.csv"], "--budget without --run"),
    ],
)
def test_what_would_do_nothing_alone_is_refused(
    words: list[object],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(monkeypatch, "new", tmp_path / "town", *words) == 2
    assert f"{says}; expected both" in capsys.readouterr().err
    assert not (tmp_path / "town").exists()


@pytest.mark.parametrize(
    ("heading", "words", "source", "covered"),
    [
        (
            "城乡",
            ("城区", "乡村"),
            '{ column = "城乡" }',
            30,
        ),  # each 2 km from the counter: none on foot, one by the 5 km
        ("城乡分类代码", ("111", "220"), '{ codes = "城乡分类代码" }', 30),
        ("城乡", ("", "乡村"), '"degurba"', 40),  # not of all: both live in the country by their number
    ],
)
def test_settings_that_people_say_are_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    heading: str,
    words: tuple[str, str],
    source: str,
    covered: float,
) -> None:
    street = [
        node(1, 108.2, 30.5),
        node(2, 108.221, 30.5),
        way(1, [1, 2]),
        relation(1, [("way", 1, "")], {"type": "x"}),
    ]
    roads = write_osm(tmp_path / "roads.osm", *street)
    rows = f"id,经度,纬度,常住人口,{heading}\na,108.2208,30.5,10,{words[0]}\nb,108.2209,30.5,30,{words[1]}\n"
    (tmp_path / "people.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "outlets.csv").write_text("name,lon,lat\n社保所,108.2,30.5\n", encoding="utf-8")
    files = [roads, tmp_path / "people.csv", tmp_path / "outlets.csv"]
    assert call(monkeypatch, "new", tmp_path / "town", *files, "--quiet") == 0
    assert f"from = {source}" in (tmp_path / "town" / "study.toml").read_text("utf-8")
    assert read_study(tmp_path / "town" / "study.toml").coverage().covered_people == covered


def test_people_are_multiplied_to_the_totals_of_polygons_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = write_county(tmp_path / "raw")

    def counted(name: str, *asked: str) -> list[float]:
        assert call(monkeypatch, "new", tmp_path / name, *files, "--lang", "en", *asked) == 0
        now = read_study(tmp_path / name / "study.toml").coverage()
        return [now.covered_people, now.population]

    assert counted("as-counted") == pytest.approx([40, 100])
    said = capsys.readouterr().out
    assert "named by the column 乡镇, their official people in the column 常住人口" in said
    assert "100 people counted, 110 by the official totals of 2 districts; new --reconcile multiplies them" in said
    assert counted("official", "--reconcile") == pytest.approx([80, 110])
    assert "100 people multiplied to the official 110 in 2 districts: ratio 0.50 to 2.00" in capsys.readouterr().out
    plain, scaled = (tmp_path / name / "study.toml" for name in ("as-counted", "official"))
    assert scaled.read_text("utf-8") != plain.read_text("utf-8")
    assert not reconcile_study(scaled, Silence(), on=False).reconciled
    assert scaled.read_text("utf-8") == plain.read_text("utf-8")


def test_a_study_that_cannot_be_multiplied_to_totals_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_county(tmp_path / "raw", (80, None))
    assert call(monkeypatch, "new", tmp_path / "county", *files, "--quiet") == 0
    study = tmp_path / "county" / "study.toml"
    before = study.read_text("utf-8")
    with pytest.raises(InputError, match="1 districts have people in it and no official total"):
        reconcile_study(study, Silence())
    assert study.read_text("utf-8") == before
    study.write_text("[inputs.population]\npath = 'people.tif'\n", encoding="utf-8")
    with pytest.raises(InputError, match="population is not one table in one line"):
        reconcile_study(study, Silence())
