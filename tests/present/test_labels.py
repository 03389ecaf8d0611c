"""What sites are called that nobody named: by operator, kind and street, alike on map, in tables and the terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import mapworlds
import numpy as np
import pandas as pd
import pyogrio
import pytest
import reportworlds
import shapely
import worlds

import accessibility as acc
from accessibility.cli.console import Silence, Speech
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover
from accessibility.present import symbols
from accessibility.present.language import Locale
from accessibility.present.layers.files import PROPOSED_COLUMNS
from accessibility.present.map.outlines import Backdrop
from accessibility.present.map.sheets import MapSheet
from accessibility.present.report.sheets import tabulate_sheets
from accessibility.present.symbols import SiteLabel, call_site, label_sites, site_layers
from accessibility.wording.cards import safe_html

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.report_facts import Measured

AT = [(0, 10), (400, 20), (800, 149), (1_200, 151), (1_600, 30), (2_000, -20), (2_400, 40)]
IDS = [*("hall", "twin 1", "near", "far", "twin 2", "post", "told")]


def town() -> tuple[acc.Sites, gpd.GeoDataFrame]:
    """Return sites along a straight street of 3 km that runs east, and its name; the first alone has a name."""
    demand = worlds.people([(0, 0)])
    fields: dict[str, Any] = {
        "ids": IDS,
        "xy": np.array(AT) + demand.xy[0],
        "name": ["Hall", *[""] * 5, " "],
        "kind": ["outlet", "bank", "new", "bank", "bank", "outlet", "bank"],
        "bank": ["", "", "", "", "", "", "Sparkasse"],
        "columns": {
            "operator": np.array([None] * 5 + ["Post", None], object),
            "address": np.array([""] * 6 + ["High Street 7"], object),
        },
    }
    sites = acc.Sites(**fields, crs=demand.crs)
    line = shapely.LineString([demand.xy[0], demand.xy[0] + (3_000, 0)])
    lines = gpd.GeoDataFrame({"name": ["Rua X"]}, geometry=[line], crs=demand.crs).to_crs(4326)
    village = gpd.GeoDataFrame({"name": ["Village"]}, geometry=[shapely.Point(lines.total_bounds[:2])], crs=4326)
    return sites, gpd.GeoDataFrame(pd.concat([village, lines], ignore_index=True), crs=4326)


@pytest.mark.parametrize(
    ("site", "english", "chinese"),
    [
        ("near", "candidate site at Rua X", "Rua X的候选点"),
        ("far", "bank branch (far)", "银行网点 (far)"),
        ("twin 1", "bank branch at Rua X (twin 1)", "Rua X的银行网点 (twin 1)"),
        ("twin 2", "bank branch at Rua X (twin 2)", "Rua X的银行网点 (twin 2)"),
        ("post", "Post at Rua X", "Rua X的Post"),
        ("told", "Sparkasse at High Street 7", "High Street 7的Sparkasse"),
    ],
)
def test_a_site_without_a_name_is_told_by_operator_kind_and_street(site: str, english: str, chinese: str) -> None:
    """A metre beyond 150 m from it a site is not of the street; two that are alike keep their ids."""
    labels = label_sites(*town())
    assert "hall" not in labels
    assert (labels[site].text("en"), labels[site].text("zh")) == (english, chinese)


def test_streets_are_projected_once_and_forgotten_with_their_table(monkeypatch: pytest.MonkeyPatch) -> None:
    sites, names = town()
    first, kept = label_sites(sites, names), len(symbols._KNOWN)
    with monkeypatch.context() as patched:
        patched.setattr(gpd.GeoDataFrame, "to_crs", None)
        assert label_sites(sites, names) == first
    del names
    assert len(symbols._KNOWN) == kept - 1


def test_without_streets_and_without_nameless_sites_there_is_less_to_tell() -> None:
    sites, names = town()
    assert label_sites(sites)["near"] == SiteLabel(kind="new", ident="near")
    assert label_sites(sites, names.iloc[:0])["post"] == SiteLabel(kind="outlet", owner="Post")
    assert label_sites(replace(sites, name=np.array(IDS, object)), names) == {}
    assert [call_site(None, none, {}) for none in (None, float("nan"), pd.NA)] == [None] * 3
    assert call_site(None, "far", {}) == "far"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "candidate site at Rua X"),
        ("zh", "Rua X的候选点"),
        ("both", "candidate site at Rua X Rua X的候选点"),
    ],
)
def test_the_map_shows_the_label_where_a_name_would_stand(language: Any, said: str) -> None:
    sites, names = town()
    coverage = acc.measure_coverage(worlds.line(3_000, 3), worlds.people([(0, 0)]), sites)
    sheet = MapSheet(
        coverage=coverage, caption=mapworlds.caption(language=language), backdrop=Backdrop(districts=None, names=names)
    )
    drawn = site_layers(coverage, sheet.words, sheet.called)
    told = {one["properties"]["row"]: one["properties"]["name"] for of in drawn for one in of["features"]}
    assert (told[0], told[IDS.index("near")]) == (safe_html("Hall"), safe_html(said))
    assert safe_html("") not in told.values()


def test_tables_and_the_terminal_say_the_label_and_the_data_stay(sample_measured: Measured) -> None:
    facts, _ = reportworlds.told(sample_measured)
    assert facts.whole is not None
    site = str(facts.whole.ledger["id"].iloc[0])
    bare = facts.whole.ledger.assign(name=["", *facts.whole.ledger["name"].iloc[1:]])
    told = replace(
        facts, whole=replace(facts.whole, ledger=bare), labels={site: SiteLabel(kind="bank", street="文庙路")}
    )
    sheet = tabulate_sheets(told)["ledger"]
    column = next(column for column in sheet.columns if column.name == "name")
    assert column.words(sheet.frame["name"].iloc[0], Locale("en")) == "bank branch at 文庙路"
    assert column.words(sheet.frame["name"].iloc[0], Locale("zh")) == "文庙路的银行网点"
    assert column.words(sheet.frame["name"].iloc[1], Locale("zh")) == str(bare["name"].iloc[1])
    row = dict.fromkeys(PROPOSED_COLUMNS, "") | {"id": site}
    assert Speech("zh").site(row, told.labels) == "文庙路的银行网点"
    assert Speech("zh").site(row, {}) == ""
    assert bare["name"].iloc[0] == ""


def test_the_layers_of_a_run_call_a_site_as_its_map_does(town: Path, cache: Path, tmp_path: Path) -> None:
    banks = town.parent / "banks.csv"
    banks.write_text(re.sub(r"^B1,[^,]*,", "B1,,", banks.read_text("utf-8"), flags=re.MULTILINE), "utf-8")
    run_cover(town, tmp_path / "run", Options(cache=cache, language="both", shapefile=True), Silence())
    told = label_sites((study := acc.read_study(town, cache=cache)).sites, study.names)["B1"]
    for file, layer in (("coverage.gpkg", "banks"), ("shapefile/banks.shp", None)):
        found = pyogrio.read_dataframe(tmp_path / "run" / file, layer=layer).set_index("id")
        assert found.loc["B1", "label"] == f"{told.text('en')} {told.text('zh')}"
        assert not found.loc["B1", "name"]
