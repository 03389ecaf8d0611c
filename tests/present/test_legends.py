"""What a map says: the same sentences and figures as the tables, in both languages."""
# ruff: noqa: RUF001 -- Chinese has punctuation of its own

from __future__ import annotations

import mapworlds
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accessibility import InputError, measure_coverage
from accessibility.present.language import MapWords, count
from accessibility.present.map.coverage_map import draw_coverage
from accessibility.present.map.legends import MapCaption, compared_lines, headline_lines, headlines, rule_rows
from accessibility.present.map.outlines import SITE_WORDS
from accessibility.present.map.overlays import classify_people
from accessibility.present.symbols import KINDS, site_key
from accessibility.wording import percent_text


def test_the_headline_of_the_terminal_is_that_of_the_map_and_the_day() -> None:
    _, now, _ = mapworlds.switchable()
    english, chinese = (said for _, said in headline_lines(now, MapWords.of("both")))
    assert headlines(now) == {"en": english, "zh": chinese}
    assert headlines(now, "2026-03-01") == {"en": f"{english}; 2026-03-01", "zh": f"{chinese}；2026-03-01"}


def test_chinese_says_the_same_figures() -> None:
    _, now, _ = mapworlds.switchable()
    ((language, said),) = headline_lines(now, MapWords.of("zh"))
    assert language == "zh-Hans"
    share = percent_text(now.covered_people, now.population, "zh")
    assert said == (
        f"{count(now.population)}人中{share}（{count(now.covered_people)}人）在步行5分钟（城区适用）或"
        "步行8分钟（镇区适用）或沿路网0.9公里（乡村适用）内可到达服务网点或合作银行网点，步行速度1.0米/秒"
    )
    both = MapWords.of("both")
    assert [k for k, _ in headline_lines(now, both)] == ["en", "zh-Hans"]
    assert rule_rows(now, both)[0] == (
        [("en", "Urban"), ("zh-Hans", "城区")],
        [("en", "5-minute walk"), ("zh-Hans", "步行5分钟")],
    )
    assert compared_lines(now, now, both)[1][1].startswith("新增覆盖0人，失去覆盖0人；现状")
    with pytest.raises(InputError, match="'de'; expected one of en, zh, both"):
        MapCaption(title="", date="", language="de").words  # noqa: B018


def test_the_legend_says_how_many_people_have_limits_of_their_own() -> None:
    net, now, _ = mapworlds.switchable()
    plain = [classes.whom for classes in classify_people(now)]
    assert plain == ["all people", "all people", "rural people"]
    own = pd.Series(dict.fromkeys(now.demand.ids[::3], "2 min"))
    limited = measure_coverage(net, now.demand.limited(own), now.sites, now.standard)
    of_them = [float(now.demand.population[::3].sum())] * 2
    of_them.append(float(now.demand.population[::3][now.demand.setting[::3] == "rural"].sum()))
    assert 0 < of_them[2] < of_them[0]
    said = [classes.whom for classes in classify_people(limited)]
    assert said == [f"{whom}; {n:,.0f} by limits of their own" for whom, n in zip(plain, of_them, strict=True)]
    assert classify_people(limited, MapWords.of("zh"))[0].whom == f"全部人口；其中{of_them[0]:,.0f}人按单独限值"
    assert len(rule_rows(limited, MapWords())) == len(rule_rows(now, MapWords())) + 1
    own_row = rule_rows(limited, MapWords())[-2]
    assert own_row == ([("en", "By limits of their own")], [("en", f"{of_them[0]:,.0f} people")])
    page = draw_coverage(limited, caption=mapworlds.caption(headline="")).get_root().render()
    assert f"{said[0]}</td>" in page
    assert "By limits of their own" in page


@pytest.mark.parametrize("language", ["zh", "both"])
def test_a_map_in_chinese_leaves_no_english_behind(language: str) -> None:
    net, now, where = mapworlds.switchable()
    drawn = draw_coverage(
        now, caption=mapworlds.caption(language=language, headline=""), switches=mapworlds.switches(net, now, where)
    )
    page = str(drawn.get_root().render())
    shown = page[page.index("<body>") : page.index('<script type="application/json"')]
    for english, chinese in (("Layers", "图层"), ("covered", "已覆盖"), ("What if", "情景"), ("By district", "按区划")):
        assert chinese in shown
        assert (f">{english}<" in shown or f">{english} {chinese}" in shown) == (language == "both"), english
    assert f'<html lang="{"zh-Hans" if language == "zh" else "en"}">' in page


@given(st.integers(0, 10**7), st.integers(1, 10**7), st.sampled_from([1, 2, 4, 10]))
def test_figures_are_rounded_halves_to_even(part: int, whole: int, parts: int) -> None:
    from fractions import Fraction  # noqa: PLC0415

    share = Fraction(part, whole)
    assert count(part / parts) == f"{round(Fraction(part, parts)):,}"  # Python's own exact halves to even
    if part <= whole:
        tenths = round(share * 1_000)
        shown = min(max(tenths, 1), 999) if 0 < part < whole else tenths  # 0 and 100 for nobody and everybody alone
        assert percent_text(part, whole) == f"{shown / 10:.1f} %"


def test_sites_are_said_as_elsewhere() -> None:
    for kind, is_open in KINDS:
        said, elsewhere = MapWords()(f"site_{site_key(kind, is_open=is_open)}"), SITE_WORDS[kind, is_open]
        assert said.split(",")[0] == elsewhere.split(",")[0]
