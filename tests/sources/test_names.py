"""Names of settlements and streets, for orientation on a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import shapely
from osmfiles import node, way, write_osm

from accessibility.present.map.outlines import name_data
from accessibility.sources.osm.extracts import read_names

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def town(tmp_path: Path) -> Path:
    return write_osm(
        tmp_path / "town.osm",
        node(1, 9.50, 47.10, place="town", name="Vaduz"),
        node(2, 9.51, 47.10, place="village", **{"name:zh": "东村"}),
        node(3, 9.52, 47.10, place="hamlet"),  # nameless
        node(4, 9.53, 47.10, place="sea", name="far"),  # no settlement
        node(5, 9.54, 47.10, amenity="bank", name="Bank"),
        way(1, [1, 2], {"highway": "primary", "name": "Long Road"}),
        way(2, [2, 3], {"highway": "primary", "name": "Long Road"}),
        way(3, [3, 4], {"highway": "residential", "name": "Side Street"}),
        way(4, [4, 5], {"highway": "footway", "name": "Path"}),
        way(5, [1, 99], {"highway": "secondary", "name": "Cut Road"}),  # a node outside of the file
        way(6, [1, 5], {"highway": "tertiary"}),
    )


def test_settlements_and_streets_have_names_and_ranks(town: Path) -> None:
    found = read_names(town)
    rows = {(name, rank): shape for name, rank, shape in found.itertuples(index=False)}
    assert set(rows) == {("Vaduz", 0), ("东村", 1), ("Long Road", 0), ("Side Street", 2)}
    road = rows["Long Road", 0]  # both ways are one line
    assert shapely.get_coordinates(road).tolist() == [[9.5, 47.1], [9.51, 47.1], [9.52, 47.1]]
    assert rows["Vaduz", 0] == shapely.Point(9.5, 47.1)


def test_a_map_gets_what_lies_on_it_spelt_letter_by_letter(town: Path) -> None:
    names = read_names(town)
    names.loc[names["name"] == "Vaduz", "name"] = "<b>Vaduz"
    told = name_data(None, names, (9.49, 47.09, 9.505, 47.11))
    assert told["places"] == [["<bdi>&#60;b&#62;Vaduz</bdi>", [47.1, 9.5], 0]]
    assert [(street["text"], street["rank"]) for street in told["streets"]] == [("<bdi>Long Road</bdi>", 0)]
