"""Sites and people made in memory: judged before they are cut, and the same again from their own tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from accessibility import Demand, InputError, Network, Sites
from accessibility.geo.arrays import absent
from accessibility.siting import Problem

if TYPE_CHECKING:
    from pathlib import Path

CRS: Any = "EPSG:32649"
NA = (None, float("nan"), pd.NA)


def sites(n: int = 2, **given: Any) -> Sites:
    return Sites(**{"ids": [f"S{i}" for i in range(n)], "xy": np.arange(2.0 * n).reshape(n, 2), "crs": CRS, **given})


def people(**given: Any) -> Demand:
    return Demand(**{"ids": ["a", "b"], "xy": [(0, 0), (1, 1)], "population": [1, 2], "crs": CRS, **given})


def table(**columns: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=shapely.points([(0, 0), (1, 1)]), crs=CRS)


@pytest.mark.parametrize("kind", ["outlet (closed 2024)", "outlets", "banking", "newer", "Bank", " bank", 1, None])
def test_a_kind_is_judged_before_it_is_cut(kind: object) -> None:
    with pytest.raises(
        InputError, match=r"sites kind: 1 of 2 rows, first row 1 is .*expected one of outlet, bank, new"
    ):
        sites(kind=["bank", kind])
    with pytest.raises(InputError, match="kind"):
        sites(kind=np.array(["bank", kind], dtype=object))


@pytest.mark.parametrize("setting", ["urbane", "ruralish", "townhouse", "Urban", None, float("nan")])
def test_a_setting_is_judged_before_it_is_cut(setting: object) -> None:
    for given in (["rural", setting], np.array(["rural", setting], dtype=object)):
        with pytest.raises(InputError, match="expected one of urban, town, rural"):
            people(setting=given)
    with pytest.raises(InputError, match="expected one of urban, town, rural"):
        Demand.from_gdf(table(population=[1, 2], setting=["rural", setting]))


@pytest.mark.parametrize("flag", ["no", "False", "", 0, 1, 2, 0.0, *NA])
@pytest.mark.parametrize("name", ["open", "closed"])
def test_open_and_closed_are_booleans(name: str, flag: object) -> None:
    with pytest.raises(InputError, match=rf"sites {name}: \d of 2 rows, first row \d is .*expected True or False"):
        sites(2, **{name: np.array([True, flag], dtype=object)})


def test_booleans_of_every_library_are_booleans() -> None:
    for flags in ([True, False], (np.True_, np.False_), pd.Series([True, False]), pd.array([True, False])):
        assert sites(open=flags).open.tolist() == [True, False]
    assert sites(0).open.tolist() == []
    problem = {"people": [1], "start": [0, 1], "demand": [0], "cost": [1]}
    with pytest.raises(InputError, match="problem within"):
        Problem(**problem, within=["no"])  # type: ignore[arg-type]


def test_an_outlet_that_closed_down_does_not_count() -> None:
    assert sites(closed=[False, True]).open.tolist() == [True, False]
    assert Sites.from_gdf(table(kind=["outlet"] * 2, closed=[False, True])).open.tolist() == [True, False]


@pytest.mark.parametrize("missing", ["", *NA])
def test_missing_ids_are_refused(missing: object) -> None:
    for ids in ([missing], ["a", missing]):
        with pytest.raises(InputError, match=r"ids are missing, first row \d; expected an id a row"):
            sites(len(ids), ids=ids)
        with pytest.raises(InputError, match="ids are missing"):
            Demand(ids=ids, xy=np.zeros((len(ids), 2)), population=np.ones(len(ids)), crs=CRS)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="2 of 2 ids are missing"):
        Sites.from_gdf(table(id=[missing, missing]))


def test_ids_are_a_list_of_single_values() -> None:
    for ids in ("ab", 2, [["a"], ["b"]], {"a": 1, "b": 2}, table()):
        with pytest.raises(InputError):
            sites(ids=ids)


def test_numbers_are_not_rounded_wrapped_or_unmasked() -> None:
    straight = {"node_xy": [(0, 0), (9, 0)], "length_m": [9], "crs": CRS}
    for wrong in ([(0, 0.7)], [(0, 2**33)], np.array([(0, np.nan)])):
        with pytest.raises(InputError):
            Network(**straight, edges=wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="kind"):
        Network(**straight, edges=[(0, 1)], kind=np.array([256]))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="1 masked values"):
        people(population=np.ma.masked_equal([1.0, 7.0], 7.0))
    with pytest.raises(InputError, match="dates"):
        people(population=np.array(["2024-01-01", "2024-01-02"], "M8[D]"))


def test_flags_of_edges_that_say_nothing_are_false() -> None:
    for flags in ([True, float("nan")], np.array([True, None], dtype=object), pd.array([True, pd.NA]), [1, 0]):
        made = Network(
            node_xy=[(0, 0), (9, 0), (9, 9)], edges=[(0, 1), (1, 2)], length_m=[9, 9], private=flags, crs=CRS  # type: ignore[arg-type]
        )  # fmt: skip
        assert made.private.tolist() == [True, False]
    with pytest.raises(InputError, match="network private"):
        Network(node_xy=[(0, 0), (9, 0)], edges=[(0, 1)], length_m=[9], private=["no"], crs=CRS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "private"), [(True, True), ("no", False), (float("nan"), False), (None, False), ("yes", True), (1, True)]
)
def test_flags_of_a_graph_mean_what_they_say(told: object, private: bool) -> None:  # noqa: FBT001
    graph = Network(node_xy=[(0, 0), (9, 0)], edges=[(0, 1)], length_m=[9], crs=CRS).to_networkx()  # type: ignore[arg-type]
    for _, _, data in graph.edges(data=True):
        data |= {"private": told, "climb_m": float("nan"), "length": None}
    read = Network.from_networkx(graph)
    assert (read.private.tolist(), read.climb_m.tolist()) == ([private], [0])
    assert read.length_m[0] == pytest.approx(9, rel=0.01)


FULL = sites(
    3,
    name=["Hall", "", "Corner"],
    kind=["outlet", "bank", "new"],
    open=[True, False, False],
    cost=[0, 1, 3.5],
    closed=[False, True, False],
    bank=["", "ABC", ""],
    columns={"phone": ["1", None, "3"], "staff": [4, 2, 0]},
)


def same(one: Sites, other: Sites) -> bool:
    fields = ("ids", "xy", "name", "kind", "open", "cost", "closed", "bank")
    columns = [
        {name: [None if absent(v) else v for v in values] for name, values in sites.columns.items()}
        for sites in (one, other)
    ]
    return columns[0] == columns[1] and all(np.array_equal(getattr(one, f), getattr(other, f)) for f in fields)


def test_a_table_of_sites_gives_the_sites_back() -> None:
    assert same(Sites.from_gdf(FULL.to_gdf()), FULL)
    assert same(Sites.from_gdf(FULL.to_gdf().reset_index(names="id")), FULL)
    assert same(FULL.take(np.array([2, 0])) + FULL.take(np.array([1])), FULL.take(np.array([2, 0, 1])))


@pytest.mark.parametrize("suffix", ["gpkg", "parquet", "geojson"])
def test_a_file_of_sites_gives_the_sites_back(tmp_path: Path, suffix: str) -> None:
    path, written = tmp_path / f"sites.{suffix}", FULL.to_gdf().reset_index(names="id")
    if suffix == "parquet":
        written.to_parquet(path)
        assert same(Sites.from_gdf(gpd.read_parquet(path)), FULL)
    else:
        written.to_file(path)
        assert same(Sites.from_gdf(gpd.read_file(path)), FULL)


def test_flags_of_a_shapefile_are_zero_and_one() -> None:
    assert Sites.from_gdf(table(open=[0, 1], closed=[1, 0])).open.tolist() == [False, True]
    for flags in (["no", "yes"], [0, 2], [0.0, float("nan")]):
        with pytest.raises(InputError, match="sites open"):
            Sites.from_gdf(table(open=flags))


def test_columns_are_named_as_those_of_people_are() -> None:
    given = table(nr=["x", "y"], art=["bank", "new"], geöffnet=[True, False], name=["A", None], extra=[1, 2])
    read = Sites.from_gdf(given, id="nr", kind="art", open="geöffnet")
    assert (read.ids.tolist(), read.kind.tolist(), read.open.tolist()) == (["x", "y"], ["bank", "new"], [True, False])
    assert (read.name.tolist(), list(read.columns)) == (["A", ""], ["extra"])
    assert Sites.from_gdf(table(type=["bank", "new"])).kind.tolist() == ["bank", "new"]
    with pytest.raises(InputError, match="'clinic'"):
        Sites.from_gdf(table(type=["bank", "clinic"]))
    with pytest.raises(InputError, match=r"lacks columns \['sort'\]; it has"):
        Sites.from_gdf(given, kind="sort")
    with pytest.raises(InputError, match="unexpected keyword argument 'color'"):
        Sites.from_gdf(given, color="art")  # type: ignore[call-arg]


def test_tables_without_places_are_refused() -> None:
    nowhere = gpd.GeoDataFrame({"population": [1]})
    for read in (Sites.from_gdf, Demand.from_gdf):
        with pytest.raises(InputError, match="no geometry"):
            read(nowhere)
        with pytest.raises(InputError, match="no coordinate system"):
            read(table(population=[1, 2]).set_crs(None, allow_override=True))
    for crs in ("EPSG:0", "Gauss", None, table()):
        with pytest.raises(InputError, match="coordinate system is"):
            sites(crs=crs)


def test_a_series_that_names_nobody_is_an_error() -> None:
    whom = people()
    for keys in ([0, 1], ["A", "B"], []):
        with pytest.raises(InputError, match=r"no key of district is a demand id .*expected ids such as 'a'"):
            whom.keyed(pd.Series(["x"] * len(keys), index=keys, dtype=object), "district")
    assert whom.keyed(pd.Series({"b": "x", "c": "y"})).tolist()[1] == "x"
