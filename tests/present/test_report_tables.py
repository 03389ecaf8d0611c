"""The tables of a run, against counties done by hand and people counted one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

from accessibility import Coverage, Demand, InputError, Rule, Sites, Standard, Walker, measure_coverage
from accessibility.geo import arrays
from accessibility.geo.projection import WGS84, transform
from accessibility.measures import inequalities, tables
from accessibility.measures.inequalities import weighted_quantile
from accessibility.measures.tables import (
    demand_table,
    district_columns,
    district_table,
    setting_table,
)
from accessibility.present.layers.files import write_geoparquet
from accessibility.present.map.legends import headlines
from accessibility.standards import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAN = float("nan")


def keyed(values: Sequence[str | None], ids: object) -> pd.Series[Any]:
    return pd.Series(values, index=pd.Index(ids), dtype=object, name="district")  # type: ignore[call-overload, arg-type]


def county() -> Coverage:
    """Return a street of 10 km with an outlet at its start, people along it, and people without a place.

    A partner bank stands at the outlet's door, another is closed, a second outlet is far off the street. Rows: 40, 30
    and 20 townspeople at 300, 600 and 1,200 m; 50 and 7 villagers at 5,000 and 5,001 m; 10 people nowhere; 3 in a
    small town at 900 m.
    """
    people = worlds.people(
        [(300, 0), (600, 0), (1_200, 0), (5_000, 0), (5_001, 0), (NAN, NAN), (900, 0)],
        [40, 30, 20, 50, 7, 10, 3],
        ["urban", "urban", "urban", "rural", "rural", "urban", "town"],
    )
    sites = Sites(
        ids=["O0", "B0", "B1", "O1"],  # type: ignore[arg-type]
        xy=np.array([(0, 0), (0, 0), (5_000, 0), (0, 90_000)]) + worlds.ORIGIN,
        kind=["outlet", "bank", "bank", "outlet"],  # type: ignore[arg-type]
        open=[True, True, False, True],  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    return measure_coverage(worlds.line(10_000, 10), people, sites)


def table_of(now: Coverage, district: Sequence[str | None], names: list[str]) -> pd.DataFrame:
    sites = keyed(["West", "West", "East", None], now.sites.ids)
    return district_table(now, keyed(district, now.demand.ids), sites, names=names)


def row(table: pd.DataFrame, district: str) -> dict[str, object]:
    (found,) = table[table["district"] == district].to_dict("records")
    return {str(key): value for key, value in found.items()}


WEST_AND_EAST = ["West", "West", "West", "East", "East", "West", "West"]


def test_the_district_table_of_a_county_done_by_hand() -> None:
    table = table_of(county(), WEST_AND_EAST, ["East", "West", "Empty"])
    assert tuple(table.columns) == district_columns(Standard())
    assert table["district"].tolist() == ["East", "West", "Empty", "total"]
    assert row(table, "West") == pytest.approx(
        {
            "district": "West",
            "population": 103,
            "urban_people": 100,
            "town_people": 3,
            "rural_people": 0,
            "covered": 73,
            "covered_share": 73 / 103,
            "urban_covered_share": 0.7,
            "town_covered_share": 1.0,
            "rural_covered_share": NAN,
            "rural_covered_share_radius": NAN,
            "uncovered": 30,
            "unreached": 10,
            "walk_min_mean": (40 * 5 + 30 * 10 + 3 * 15 + 20 * 20) / 93,
            "walk_min_p50": 10.0,
            "walk_min_p90": 20.0,
            "outlets": 1,
            "partner_banks": 1,
        },
        nan_ok=True,
    )
    assert row(table, "East") == pytest.approx(
        {
            "district": "East",
            "population": 57,
            "urban_people": 0,
            "town_people": 0,
            "rural_people": 57,
            "covered": 50,
            "covered_share": 50 / 57,
            "urban_covered_share": NAN,
            "town_covered_share": NAN,
            "rural_covered_share": 50 / 57,
            # 5,001 m of the projection are 5,003 m on the ground, and a straight line is never above its path
            "rural_covered_share_radius": 50 / 57,
            "uncovered": 7,
            "unreached": 0,
            "walk_min_mean": (50 * 5_000 + 7 * 5_001) / 57 / 60,
            "walk_min_p50": 5_000 / 60,
            "walk_min_p90": 5_001 / 60,
            "outlets": 0,
            "partner_banks": 0,
        },
        nan_ok=True,
    )
    empty = {key: value for key, value in row(table, "Empty").items() if value == value}  # noqa: PLR0124 -- not NaN
    assert empty == {"district": "Empty"} | dict.fromkeys(
        (
            *("population", "urban_people", "town_people", "rural_people", "covered"),
            *("uncovered", "unreached", "outlets", "partner_banks"),
        ),
        0,
    )
    total = row(table, "total")
    assert (total["population"], total["covered"], total["uncovered"], total["unreached"]) == (160, 123, 37, 10)
    # The outlet outside every district serves people inside: it counts in the total, and only there.
    assert (total["outlets"], total["partner_banks"]) == (2, 1)


def test_a_quantile_that_falls_on_the_unreached_is_empty() -> None:
    # In the west 40 people at 5 minutes and 10 without a place: the 45th of the 50 is one of those.
    table = table_of(county(), ["West", "East", "East", "East", "East", "West", "East"], ["West", "East"])
    west = table[table["district"] == "West"].iloc[0]
    assert west[["walk_min_p50", "walk_min_mean"]].tolist() == [5.0, 5.0]
    assert pd.isna(west["walk_min_p90"])


def test_the_radius_column_differs_where_the_street_goes_round() -> None:
    # 3 km as the crow flies, 7 km along the street.
    detour = worlds.network([(0, 0), (0, 2_000), (3_000, 2_000), (3_000, 0)], [(0, 1), (1, 2), (2, 3)])
    people = worlds.people([(3_000, 0), (0, 0)], [30, 10], "rural")
    now = measure_coverage(detour, people, worlds.outlets([(0, 0)]))
    table = district_table(now, keyed(["A", "A"], people.ids), keyed(["A"], now.sites.ids), names=["A"])
    assert table["rural_covered_share"].tolist() == [0.25, 0.25]
    assert table["rural_covered_share_radius"].tolist() == [1.0, 1.0]


def test_people_in_no_district_have_a_row_before_the_total_where_there_are_any() -> None:
    now = county()
    some = table_of(now, [None, *WEST_AND_EAST[1:]], ["West", "East"])
    assert some["district"].tolist() == ["West", "East", "(none)", "total"]
    assert row(some, "(none)")["population"] == 40
    unnamed = keyed(WEST_AND_EAST[1:], now.demand.ids[1:])
    told = district_table(now, unnamed, keyed([None] * 4, now.sites.ids), names=["West", "East"])
    assert row(told, "(none)")["population"] == 40
    nobody = replace(now, demand=replace(now.demand, population=[0, *now.demand.population[1:]]))  # type: ignore[arg-type]
    assert table_of(nobody, [None, *WEST_AND_EAST[1:]], ["West", "East"])["district"].tolist() == [
        "West",
        "East",
        "total",
    ]


@pytest.mark.parametrize(
    ("district", "names", "message"),
    [
        (WEST_AND_EAST, ["West"], r"2 demand points are in districts \['East'\], which are not among the 1 "),
        (WEST_AND_EAST, ["West", "East", "West"], r"district names \['West'\] stand twice"),
        (WEST_AND_EAST, ["West", "East", "total"], r"district names \['total'\] stand twice or are those of the rows"),
    ],
)
def test_districts_that_would_lose_or_confuse_people_are_refused(
    district: list[str | None], names: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        table_of(county(), district, names)


def test_a_series_that_names_a_point_twice_is_refused() -> None:
    now = county()
    twice = keyed(["West", "West"], ["D0", "D0"])
    with pytest.raises(InputError, match="1 ids more than once, first 'D0'"):
        district_table(now, twice, keyed([None] * 4, now.sites.ids), names=["West"])
    with pytest.raises(InputError, match="1 ids more than once, first 'D0'"):
        demand_table(now, twice)


def test_a_study_without_people_has_a_total_of_nobody() -> None:
    now = measure_coverage(worlds.line(), worlds.people([]), worlds.outlets([(0, 0)]))
    table = district_table(now, keyed([], []), keyed(["A"], ["O0"]), names=["A"])
    assert table["population"].tolist() == [0, 0]
    assert table["covered_share"].isna().all()
    assert len(demand_table(now, keyed([], []))) == 0
    assert headlines(now)["en"].startswith("0 of 0 people (0) are within")


weights = st.lists(st.integers(0, 9), min_size=1, max_size=12)


@st.composite
def coverages(draw: st.DrawFn) -> tuple[Coverage, list[str | None]]:
    """Draw a coverage without a network behind it, in quarters of people that sums hold exactly, and districts."""
    n = draw(st.integers(0, 12))
    drawn = [draw(st.lists(st.booleans(), min_size=n, max_size=n)) for _ in range(3)]
    covered, radius, lost = (np.array(flags, dtype=bool) for flags in drawn)
    people = worlds.people(
        [(0, 0)] * n,
        [count / 4 for count in draw(st.lists(st.integers(0, 99), min_size=n, max_size=n))],
        draw(st.lists(st.sampled_from(SETTINGS), min_size=n, max_size=n)) if n else "urban",
    )
    base = measure_coverage(worlds.line(), people, worlds.outlets([(0, 0)]))
    minutes = np.array(draw(st.lists(st.integers(0, 90), min_size=n, max_size=n)), dtype=float)
    now = replace(
        base,
        covered=covered,
        covered_radius=radius | covered,
        unreached=lost & ~covered,
        walk_s=np.where(lost & ~covered, np.nan, 60 * minutes),
    )
    return now, draw(st.lists(st.sampled_from(["A", "B", None]), min_size=n, max_size=n))


@given(coverages())
def test_districts_add_up_to_the_total(drawn: tuple[Coverage, list[str | None]]) -> None:
    now, district = drawn
    series = keyed(district, now.demand.ids)
    table = district_table(now, series, keyed(["B"], now.sites.ids), names=["A", "B", "C"])
    parts, total = table.iloc[:-1], table.iloc[-1]
    for column in ("population", "covered", "uncovered", "unreached", "outlets", *(f"{s}_people" for s in SETTINGS)):
        assert parts[column].sum() == total[column]
    assert (table["covered"] + table["uncovered"] == table["population"]).all()
    assert (table["unreached"] <= table["uncovered"]).all()
    assert total["population"] == now.population
    assert table[[f"{s}_people" for s in SETTINGS]].sum(axis=1).eq(table["population"]).all()


@given(coverages())
def test_a_district_is_told_as_if_it_were_alone(drawn: tuple[Coverage, list[str | None]]) -> None:
    now, district = drawn
    table = district_table(now, keyed(district, now.demand.ids), keyed(["B"], now.sites.ids), names=["A", "B"])
    here = np.array([name == "A" for name in district], dtype=bool)
    everyone = [
        t for t, p in zip(now.walk_s[here] / 60, now.demand.population[here] * 4, strict=True) for _ in range(int(p))
    ]
    line = np.sort(np.nan_to_num(everyone, nan=np.inf))
    for column, q in (("walk_min_p50", 0.5), ("walk_min_p90", 0.9)):
        expected = line[max(int(np.ceil(q * len(line) - 1e-9)) - 1, 0)] if len(line) else np.nan
        assert table[column].iloc[0] == pytest.approx(expected if np.isfinite(expected) else NAN, nan_ok=True)
    reached = line[np.isfinite(line)]
    assert table["walk_min_mean"].iloc[0] == pytest.approx(reached.mean() if len(reached) else NAN, nan_ok=True)
    people = now.demand.population[here]
    for setting in SETTINGS:
        of = people[now.demand.setting[here] == setting].sum()
        inside = people[(now.demand.setting[here] == setting) & now.covered[here]].sum()
        share = table[f"{setting}_covered_share"].iloc[0]
        assert share == (pytest.approx(inside / of) if of else pytest.approx(NAN, nan_ok=True))


def test_the_published_quantiles() -> None:
    times, people = [5, 10, 20, 40], [40, 30, 20, 10]
    assert weighted_quantile(times, people, 0.5) == 10
    assert weighted_quantile(times, people, 0.9) == 20
    assert weighted_quantile(times, people, 0.91) == 40
    assert weighted_quantile(times, people, 0.0) == 5
    assert weighted_quantile(times, people, 1.0) == 40
    assert weighted_quantile([5, 10, 20, np.nan], people, 0.95) == np.inf
    assert np.isnan(weighted_quantile([1, 2], [0, 0], 0.5))
    assert np.isnan(weighted_quantile([], [], 0.5))


def test_a_quantile_is_not_moved_by_the_rounding_of_sums() -> None:
    people = [0.7] * 10
    assert people[0] < 0.1 * np.cumsum(people)[-1]  # what an exact comparison would trip over
    assert weighted_quantile(range(10), people, 0.1) == 0


def test_the_least_of_many_values_has_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inequalities, "_IN_ORDER", 0)
    assert weighted_quantile([0, 5, 10], [0, 1, 1], 0.0) == 5


@pytest.mark.parametrize("at_once", [1 << 20, 2])
@given(data=st.data(), people=weights, q=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]))
def test_quantiles_are_those_of_people_one_by_one(
    data: st.DataObject, people: list[int], q: float, at_once: int
) -> None:
    drawn = st.sampled_from([0, 1, 2, 2.5, 3, 5, np.inf, NAN])
    values = data.draw(st.lists(drawn, min_size=len(people), max_size=len(people)))
    one_by_one = np.repeat(np.where(np.isnan(values), np.inf, values), people)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inequalities, "_IN_ORDER", at_once)
        patch.setattr(inequalities, "_BINS", 3)
        found = weighted_quantile(values, people, q)
    if one_by_one.size:
        assert found == np.sort(one_by_one)[max(int(np.ceil(q * len(one_by_one) - 1e-9)) - 1, 0)]
    else:
        assert np.isnan(found)


@given(coverages())
def test_many_people_are_told_a_few_at_a_time(drawn: tuple[Coverage, list[str | None]]) -> None:
    now, district = drawn
    given = keyed(district, now.demand.ids), keyed(["B"], now.sites.ids)
    at_once = district_table(now, *given, names=["A", "B"]), setting_table(now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "_BATCH", 2)
        patch.setattr(tables, "_AT_ONCE", 3)
        patch.setattr(inequalities, "_IN_ORDER", 2)
        found = district_table(now, *given, names=["A", "B"]), setting_table(now)
    for table, expected in zip(found, at_once, strict=True):
        pd.testing.assert_frame_equal(table, expected)


@pytest.mark.parametrize(
    ("values", "people", "q", "message"),
    [
        ([1, 2], [1], 0.5, "expected one weight a value"),
        ([1, 2], [1, -1], 0.5, "expected finite weights"),
        ([1, 2], [1, np.nan], 0.5, "expected finite weights"),
        ([1], [1], 90, "quantile is 90; expected 0 to 1"),
    ],
)
def test_weights_and_quantiles_that_mean_nothing_are_refused(
    values: list[float], people: list[float], q: float, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        weighted_quantile(values, people, q)


def test_the_demand_table_comes_back_from_its_file(tmp_path: Path) -> None:
    now = county()
    written = demand_table(now, keyed([None, *WEST_AND_EAST[1:]], now.demand.ids))
    write_geoparquet(written, tmp_path / "demand.parquet")
    again = gpd.read_parquet(tmp_path / "demand.parquet")
    columns = ["id", "population", "setting", "district", "nearest_site", "walk_s", "network_m", "radius_m", "covered"]
    assert list(again.columns) == [*columns, "geometry"]
    assert again["id"].tolist() == [f"D{i}" for i in range(7)]
    assert again["population"].tolist() == [40, 30, 20, 50, 7, 10, 3]
    assert again["setting"].tolist() == now.demand.setting.tolist()
    assert again["district"].isna().tolist() == [True] + [False] * 6
    assert again["nearest_site"].isna().tolist() == [False] * 5 + [True, False]
    assert set(again["nearest_site"].dropna()) <= {"O0", "B0"}
    assert again["walk_s"].tolist()[:5] == again["network_m"].tolist()[:5] == [300, 600, 1_200, 5_000, 5_001]
    assert again.loc[5, ["walk_s", "network_m", "radius_m"]].isna().all()
    assert (again["radius_m"].dropna() <= again["network_m"].dropna()).all()
    assert again["covered"].dtype == bool
    assert again["covered"].tolist() == [True, True, False, True, False, False, True]
    assert again.crs == "EPSG:4326"
    assert again.geometry.isna().tolist() == [False] * 5 + [True, False]
    there = transform(now.demand.xy, now.demand.crs, WGS84)
    assert again.geometry.x.tolist()[0] == there[0, 0]
    assert again.geometry.y.tolist()[0] == there[0, 1]
    assert 30 < there[0, 1] < 31


def test_ids_that_are_numbers_become_text_and_columns_without_a_value_stay_text(tmp_path: Path) -> None:
    import pyarrow.parquet  # noqa: PLC0415

    people = Demand(ids=[7, 11], xy=[(NAN, NAN)] * 2, population=[1, 2], crs=worlds.CRS)  # type: ignore[arg-type]
    now = measure_coverage(worlds.line(), people, worlds.outlets([(0, 0)]))
    write_geoparquet(demand_table(now, pd.Series([None, None], index=[7, 11], dtype=object)), tmp_path / "d.parquet")
    assert gpd.read_parquet(tmp_path / "d.parquet")["id"].tolist() == ["7", "11"]
    schema = pyarrow.parquet.read_schema(tmp_path / "d.parquet")
    assert {"string", "large_string"} >= {
        str(schema.field(c).type) for c in ("id", "setting", "district", "nearest_site")
    }
    assert {str(schema.field(c).type) for c in ("walk_s", "network_m", "radius_m", "population")} == {"double"}
    assert str(schema.field("covered").type) == "bool"


def test_the_setting_table_has_both_readings() -> None:
    detour = worlds.network([(0, 0), (0, 2_000), (3_000, 2_000), (3_000, 0)], [(0, 1), (1, 2), (2, 3)])
    people = worlds.people([(3_000, 0), (0, 0), (0, 500)], [30, 10, 60], ["rural", "rural", "urban"])
    table = setting_table(measure_coverage(detour, people, worlds.outlets([(0, 0)]))).set_index("setting")
    assert table.index.tolist() == ["urban", "town", "rural", "total"]
    assert table["population"].tolist() == [60, 0, 40, 100]
    assert table["covered"].tolist() == [60, 0, 10, 70]
    assert table["uncovered"].tolist() == [0, 0, 30, 30]
    assert table["covered_radius"].tolist() == [60, 0, 40, 100]
    assert table.loc[["urban", "rural", "total"], "covered_share"].tolist() == [1, 0.25, 0.7]
    assert table.loc[["urban", "rural", "total"], "covered_share_radius"].tolist() == [1, 1, 1]
    assert np.isnan(table.loc["town", "covered_share"])  # type: ignore[arg-type]
    assert table["unreached"].tolist() == [0, 0, 0, 0]


def test_the_headline_holds_both_parts_the_rules_the_speed_and_the_date() -> None:
    now = county()
    rest = "of a service outlet or partner bank branch, walking at 1.0 m/s"
    rules = "a 15-minute walk (urban, town) or 5 km along the network (rural)"
    assert headlines(now, "2026-11-24")["en"] == f"76.9 % of 160 people (123) are within {rules} {rest}; 2026-11-24"
    assert headlines(now)["en"] == f"76.9 % of 160 people (123) are within {rules} {rest}"


def test_the_headline_of_other_rules() -> None:
    standard = Standard(urban=Rule.walk(8), town=Rule.walk(11.5), rural=Rule.distance(2.5, "radius"))
    now = replace(county(), standard=standard, walker=Walker(speed_m_s=0.85))
    assert (
        "within an 8-minute walk (urban) or an 11.5-minute walk (town) or 2.5 km in a straight line (rural)"
        in (headlines(now)["en"])
    )
    assert headlines(now)["en"].endswith("walking at 0.85 m/s")


@pytest.mark.parametrize(
    ("outside", "text"), [(1, "99.9 % of"), (0, "100.0 % of"), (9_999, "0.1 % of"), (10_000, "0.0 % of")]
)
def test_a_percentage_is_whole_only_where_it_is(outside: int, text: str) -> None:
    people = worlds.people([(0, 0), (6_000, 0)], [10_000 - outside, outside])
    now = measure_coverage(worlds.line(), people, worlds.outlets([(0, 0)]))
    assert headlines(now)["en"].startswith(text)
