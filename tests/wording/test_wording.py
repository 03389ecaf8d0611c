"""Every sentence has both languages, and the same places to fill in."""

from __future__ import annotations

import re
import time
from importlib.resources import files

import pytest

from accessibility import InputError
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
