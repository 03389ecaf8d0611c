"""Every sentence has both languages, and the same places to fill in."""

from __future__ import annotations

import re
import time
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from accessibility import InputError
from accessibility.cli.console import print_coverage
from accessibility.wording import Wording, _sentences, day_text

PRODUCTS = sorted(
    f.name.removesuffix(".toml") for f in files("accessibility.wording").iterdir() if f.name.endswith(".toml")
)


@pytest.mark.parametrize("product", PRODUCTS)
def test_both_languages_fill_in_the_same_places(product: str) -> None:
    for key, entry in _sentences(product).items():
        places = [sorted(re.findall(r"\{(\w+)", entry[language])) for language in ("en", "zh")]
        assert places[0] == places[1], key
        assert re.search(r"[\u4e00-\u9fff]", entry["zh"]) or entry["zh"] == entry["en"], key


def test_what_a_product_does_not_say_the_names_say() -> None:
    assert Wording("names", "zh")("walk_rule", minutes=15) == "步行15分钟"
    with pytest.raises(InputError, match="language is 'de'; expected one of en, zh"):
        Wording("names", "de")  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        Wording("names", "en")("nothing")


@pytest.mark.parametrize(
    ("zone", "day"), [("Asia/Shanghai", "2026-03-01"), ("UTC", "2026-02-28"), ("America/Lima", "2026-02-28")]
)
def test_days_are_those_of_the_calendar_on_the_wall(monkeypatch: pytest.MonkeyPatch, zone: str, day: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert day_text(1_772_321_400.0) == day  # 2026-02-28 23:30 in Greenwich
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_terminal_says_the_same_figures_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    result = SimpleNamespace(
        headlines={"en": "75.0 % of 40 people (30) are near", "zh": "40人中75.0%近"},
        settings=pd.DataFrame(
            {
                "setting": ["urban", "total"],
                "population": [40.0, 40.0],
                "covered": [30.0, 30.0],
                "covered_share": [0.75, 0.75],
                "covered_share_radius": [0.75, 0.75],
            }
        ),
        notes=("a note",),
        bars={"en": ("a bar",), "zh": ("误差线",)},
        held=None,
        findings=[
            {
                "points_of_coverage": 1.5,
                "input": "a.csv",
                "message": "so far off",
                "district": None,
                "code": "datum-suspect",
            }
        ],
        warnings=1,
        plan=None,
        kept=None,
        folder=Path("maps"),
        files=("coverage.html", "report.html", "report.xlsx", "districts.csv"),
    )
    print_coverage(result, "zh")  # type: ignore[arg-type]
    chinese = capsys.readouterr().out
    assert "40人中75.0%近" in chinese
    for word in ("城区", "合计", "坐标系疑有误", "报告", "+1.50", "误差线"):
        assert word in chinese
    print_coverage(result)  # type: ignore[arg-type]
    english = capsys.readouterr().out
    assert "75.0 % of 40 people (30) are near" in english
    assert "a.csv: so far off" in english
