"""People held against official totals: sums by district, ratios, and what cannot be reconciled."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import box

from accessibility.errors import InputError
from accessibility.sources.tables.totals import compare_totals, read_totals, reconcile_people

PEOPLE = np.array([10.0, 30.0, 5.0, 0.0, 7.0])
ROW = np.array([0, 0, 1, 1, -1])


def test_people_of_a_district_are_multiplied_by_total_over_count() -> None:
    found, findings = reconcile_people(PEOPLE, ROW, pd.Series({"A": 60, "B": 4}), source="pop.tif")
    assert found.population.tolist() == [15, 45, 4, 0, 7]  # 60 / 40 and 4 / 5; the last is in no district
    assert found.factor.tolist() == [1.5, 1.5, 0.8, 0.8, 1]
    assert found.ratio.tolist() == [1.5, 0.8]
    assert found.empty.tolist() == []
    assert [(f.code, f.is_warning) for f in findings] == [("reconciled", False), ("people-beside-totals", True)]
    assert "ratio 0.80 to 1.50, median 1.15 (A 1.50, B 0.80)" in findings[0].message
    assert (findings[1].count, findings[1].people) == (1, 7)
    assert PEOPLE.tolist() == [10, 30, 5, 0, 7]  # what came in stays as it was


def test_a_factor_beyond_a_half_or_two_is_a_warning_that_names_the_district() -> None:
    people, row = np.array([100.0, 100, 100, 100]), np.arange(4)
    totals = pd.Series({"half": 50.0, "less": 49.0, "twice": 200.0, "more": 201.0})
    _, findings = reconcile_people(people, row, totals, source="pop.tif")
    warning = next(f for f in findings if f.code == "ratio-out-of-range")
    assert warning.is_warning
    assert warning.count == 2
    assert "less 0.49, more 2.01;" in warning.message


def test_a_district_with_a_total_and_nobody_is_told_with_its_people() -> None:
    totals = pd.Series({"A": 40.0, "B": 5.0, "C": 12.0, "D": 0.0, "E": np.nan})
    found, findings = reconcile_people(PEOPLE[:4], ROW[:4], totals, source="pop.tif")
    assert found.empty.tolist() == [2]
    assert np.isnan(found.ratio[2:]).all()
    warning = next(f for f in findings if f.code == "district-without-people")
    assert (warning.count, warning.people) == (1, 12)
    assert "C 12 people" in warning.message


@pytest.mark.parametrize("total", [0.0, np.nan])
def test_people_without_an_official_total_are_refused_with_their_district(total: float) -> None:
    with pytest.raises(InputError, match=r"pop.tif: 1 districts have people.* B 5 people"):
        reconcile_people(PEOPLE, ROW, pd.Series({"A": 60.0, "B": total}), source="pop.tif")


@given(st.data())
def test_every_district_sums_to_its_total(data: Any) -> None:
    districts = data.draw(st.integers(1, 6))
    amount = st.floats(1e-6, 1e9)
    rows = data.draw(st.lists(st.tuples(st.integers(-1, districts - 1), st.one_of(st.just(0.0), amount)), max_size=60))
    totals = data.draw(st.lists(amount, min_size=districts, max_size=districts))
    row, people = np.array([r for r, _ in rows], dtype=np.intp), np.array([p for _, p in rows], dtype=np.float64)
    found, _ = reconcile_people(people, row, pd.Series(totals), source="pop.tif")
    for district, total in enumerate(totals):
        here = row == district
        if people[here].any():
            assert found.population[here].sum() == pytest.approx(total, rel=1e-12)
            assert found.population[here] == pytest.approx(people[here] * found.factor[here], rel=1e-12)
            assert district not in found.empty
        else:
            assert district in found.empty
    assert (found.population[row < 0] == people[row < 0]).all()


def test_totals_are_compared_and_the_distant_ones_named() -> None:
    people, row = np.array([100.0, 100, 100, 100]), np.arange(4)
    totals = pd.Series({"low": 89.0, "alike": 91.0, "high": 111.0, "unknown": np.nan, "empty": 5.0, "none": 0.0})
    note, warning = compare_totals(people, row, totals, source="pop.tif")
    assert (note.code, note.is_warning) == ("totals-compared", False)
    assert note.message == "300 people counted, 296 by the official totals of 5 districts"
    assert (warning.code, warning.count) == ("totals-differ", 3)
    assert "low 0.89, high 1.11, empty inf" in warning.message
    assert compare_totals(people, row, pd.Series([np.nan] * 6), source="pop.tif") == []
    assert len(compare_totals(people, row, pd.Series([100.0] * 4), source="pop.tif")) == 1


def test_totals_are_read_as_numbers_and_bad_ones_refused() -> None:
    shapes = [box(0, 0, 1, 1), box(1, 0, 2, 1)]
    area = gpd.GeoDataFrame(
        {"text": ["1,200", None], "odd": ["12", "some"], "below": [1.0, -9.0], "void": [1.0, 99_999_999.0]},
        geometry=shapes,
        crs=4326,
        index=["A", "B"],
    )
    totals = read_totals(area, "text", "d.gpkg")
    assert totals["A"] == 1_200
    assert read_totals(area.assign(province=[126_012_510.0, 5.0]), "province", "d.gpkg")["A"] == 126_012_510
    with pytest.raises(InputError, match=r"d.gpkg: column 'void' is B 99,999,999; expected people"):
        read_totals(area, "void", "d.gpkg")
    assert np.isnan(totals["B"])
    with pytest.raises(InputError, match=r"d.gpkg: column 'odd'.*'some' is|is not a number"):
        read_totals(area, "odd", "d.gpkg")
    with pytest.raises(InputError, match=r"d.gpkg: column 'below' is B -9; expected people"):
        read_totals(area, "below", "d.gpkg")
    with pytest.raises(InputError, match=r"d.gpkg: no column 'census'.*it has text, odd, below, void"):
        read_totals(area, "census", "d.gpkg")
