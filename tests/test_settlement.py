"""Degree of Urbanisation and urban-rural codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from accessibility.errors import InputError
from accessibility.settlement import (
    _smooth,
    _without_holes,
    aggregate_to_km,
    classify_degurba,
    classify_settings,
    settings_from_codes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Cell = tuple[int, int]
SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))
AROUND = (*SIDES, (-1, -1), (-1, 1), (1, -1), (1, 1))


def groups(cells: set[Cell], steps: tuple[Cell, ...]) -> list[set[Cell]]:
    """Flood fill, one cell at a time."""
    left, found = set(cells), []
    while left:
        todo = [left.pop()]
        group = set(todo)
        while todo:
            r, c = todo.pop()
            for dr, dc in steps:
                if (r + dr, c + dc) in left:
                    left.remove((r + dr, c + dc))
                    group.add((r + dr, c + dc))
                    todo.append((r + dr, c + dc))
        found.append(group)
    return found


class Slow:
    """The rules once more, cell by cell, sharing nothing with the package."""

    def __init__(self, people: NDArray[np.float64], land: NDArray[np.float64], edition: str) -> None:
        self.shape = people.shape
        self.people = {(r, c): float(people[r, c]) for r in range(self.shape[0]) for c in range(self.shape[1])}
        self.land = {cell: float(land[cell]) for cell in self.people}
        self.edition = edition

    def density(self, cell: Cell) -> float:
        people, land = self.people[cell], self.land[cell]
        return people / land if land else (float("inf") if people else 0.0)

    def big(self, density: float, people: float, steps: tuple[Cell, ...]) -> list[set[Cell]]:
        dense = {cell for cell in self.people if self.density(cell) >= density}
        return [g for g in groups(dense, steps) if sum(self.people[cell] for cell in g) >= people]

    def water(self, cell: Cell) -> bool:
        return cell in self.people and self.land[cell] < 0.5 and self.people[cell] == 0

    def joiners(self, centres: list[set[Cell]]) -> list[tuple[set[Cell], Cell]]:
        taken = set().union(*centres)
        new = []
        for r, c in set(self.people) - taken:
            around = [(r + dr, c + dc) for dr, dc in AROUND]
            asked = [n for n in around if not self.water(n)]
            for centre in centres:
                mine = sum(n in centre for n in around)
                majority = mine * 2 > len(asked) and not self.water((r, c))
                joins = mine >= 5 if self.edition == "R2022A" else majority
                new += [(centre, (r, c))] if joins else []
        return new

    def centres(self) -> set[Cell]:
        centres = self.big(1500, 50_000, SIDES)
        while new := self.joiners(centres):
            for centre, cell in new:
                centre.add(cell)
        rows, columns = self.shape
        board = {(r, c) for r in range(-1, rows + 1) for c in range(-1, columns + 1)}
        holes = [g for centre in centres for g in groups(board - centre, SIDES) if (-1, -1) not in g]
        return set().union(*centres, *(hole for hole in holes if len(hole) < 15))

    def classify(self, level: int) -> NDArray[np.int16]:
        centre = self.centres()
        urban = set().union(*self.big(300, 5000, AROUND))
        dense = set().union(*self.big(1500, 5000, SIDES))
        semi: set[Cell] = set()
        for group in self.big(900, 2500, SIDES):
            far = all(max(abs(r - a), abs(c - b)) > 2 for r, c in group for a, b in centre | dense)
            semi |= group if far else set()
        village = set().union(*self.big(300, 500, AROUND))
        out = np.zeros(self.shape, dtype=np.int16)
        for cell in self.people:
            if level == 1:
                out[cell] = 3 if cell in centre else 2 if cell in urban else 0 if self.water(cell) else 1
                continue
            named = [(centre, 30), (dense, 23), (semi, 22), (urban, 21), (village, 13)]
            rest = 12 if self.density(cell) >= 50 else 10 if self.water(cell) else 11
            out[cell] = next((code for cells, code in named if cell in cells), rest)
        return out


WORLD = np.zeros((12, 12))
WORLD[1:5, 1:6] = 3000
WORLD[2, 3] = 100
WORLD[3, 6], WORLD[5, 6] = 800, 2000
WORLD[8:10, 8:11] = 1000
WORLD[7, 1:4] = 400
WORLD[10, 1] = 60

people_grids = arrays(
    np.float64,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.sampled_from([0, 0, 60, 299.9, 300, 500, 900, 1500, 2600, 5000, 12_000, 20_000]),
)


@settings(max_examples=60, deadline=None)
@given(people=people_grids, data=st.data(), edition=st.sampled_from(["R2022A", "R2023A"]))
def test_classes_equal_the_rules_applied_cell_by_cell(
    people: NDArray[np.float64], data: st.DataObject, edition: str
) -> None:
    land = data.draw(arrays(np.float64, people.shape, elements=st.sampled_from([1, 1, 1, 0.5, 0.25, 0.0])))
    slow = Slow(people, land, edition)
    for level in (1, 2):
        np.testing.assert_array_equal(
            classify_degurba(people, land, level=level, edition=edition), slow.classify(level)
        )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("edition", ["R2022A", "R2023A"])
def test_classes_equal_the_rules_on_larger_towns(seed: int, edition: str) -> None:
    rng = np.random.default_rng(seed)
    people = rng.choice([0.0, 200.0, 1000.0, 4000.0], size=(22, 25), p=[0.25, 0.15, 0.2, 0.4])
    land = rng.choice([1.0, 0.3], size=people.shape, p=[0.9, 0.1])
    slow = Slow(people, land, edition)
    for level in (1, 2):
        np.testing.assert_array_equal(
            classify_degurba(people, land, level=level, edition=edition), slow.classify(level)
        )


def test_thresholds_are_or_more() -> None:
    assert (classify_degurba([[5000] * 10], level=1) == 3).all()
    assert (classify_degurba([[5000] * 9 + [4999]], level=1) == 2).all()
    assert (classify_degurba([[1500] * 34], level=1) == 3).all()
    assert (classify_degurba([[1499.999] * 34], level=1) == 2).all()
    assert classify_degurba([[1500] * 33 + [1499.999]], level=1).tolist() == [[2] * 34]
    assert classify_degurba([[1500] * 34 + [1499.999]], level=1).tolist() == [[3] * 34 + [2]]


def test_corners_join_clusters_but_not_centres() -> None:
    assert classify_degurba([[30_000, 0], [0, 30_000]], level=1).tolist() == [[2, 1], [1, 2]]


@pytest.mark.parametrize(("cells", "code"), [(40, 2), (80, 3)])
def test_density_is_per_land_but_people_are_people(cells: int, code: int) -> None:
    assert (classify_degurba([[800] * cells], [[0.5] * cells], level=1) == code).all()


@pytest.mark.parametrize(("hole", "cells"), [(14, 81), (15, 66)])
def test_holes_below_fifteen_square_kilometres_are_filled(hole: int, cells: int) -> None:
    labels = np.ones((9, 9), dtype=np.intp)
    labels[2:5, 2:7] = 0
    if hole == 14:
        labels[4, 6] = 1
    assert (labels == 0).sum() == hole
    assert _without_holes(labels).sum() == cells


def test_smoothing_of_2023_closes_a_hole_of_fifteen() -> None:
    people = np.full((9, 9), 2000.0)
    people[2:5, 2:7] = 0
    assert (classify_degurba(people, level=1, edition="R2023A") == 3).sum() == 81


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([[1, 1, 1], [1, 0, 0], [1, 1, 1]], [[1, 1, 1], [1, 1, 1], [1, 1, 1]]),
        ([[1, 1, 1], [1, 0, 2], [1, 1, 1]], [[1, 1, 1], [1, 1, 2], [1, 1, 1]]),
        ([[1, 1, 2], [1, 0, 0], [2, 1, 0]], [[1, 1, 2], [1, 0, 0], [2, 1, 0]]),
    ],
)
def test_five_of_eight_neighbours_of_one_centre_make_a_cell_join(
    before: list[list[int]], after: list[list[int]]
) -> None:
    dry = np.zeros((3, 3), dtype=np.bool_)
    assert _smooth(np.array(before), dry, "R2022A").tolist() == after


def test_water_is_not_asked_and_does_not_join_in_2023() -> None:
    water = np.zeros((3, 3), dtype=np.bool_)
    water[1, 2] = True
    assert _smooth(np.array([[1, 1, 1], [1, 0, 0], [1, 1, 1]]), water, "R2023A").tolist() == [
        [1, 1, 1],
        [1, 1, 0],
        [1, 1, 1],
    ]


def test_the_worked_example_has_every_class() -> None:
    first = np.ones((12, 12), dtype=int)
    first[1:5, 1:6] = 3
    first[3, 6] = first[5, 6] = 2
    first[8:10, 8:11] = 2
    assert classify_degurba(WORLD, np.ones((12, 12)), level=1).tolist() == first.tolist()
    second = np.full((12, 12), 11)
    second[1:5, 1:6] = 30
    second[3, 6] = second[5, 6] = 21
    second[8:10, 8:11] = 22
    second[7, 1:4] = 13
    second[10, 1] = 12
    assert classify_degurba(WORLD, np.ones((12, 12)), level=2).tolist() == second.tolist()


@pytest.mark.parametrize("turn", [lambda a: a.T, np.flipud, np.fliplr, np.rot90])
def test_turning_the_map_turns_the_classes(turn: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    for level in (1, 2):
        turned = classify_degurba(turn(WORLD), level=level)
        np.testing.assert_array_equal(turned, turn(classify_degurba(WORLD, level=level)))


def test_missing_people_are_nobody_and_empty_sea_is_water() -> None:
    codes = classify_degurba([[np.nan, 0, 10]], [[1.0, 0.2, 0.2]], level=1)
    assert codes.tolist() == [[1, 0, 1]]
    assert classify_degurba([[np.nan, 0, 10]], [[1.0, 0.2, 0.2]], level=2).tolist() == [[11, 10, 12]]


@pytest.mark.parametrize(
    ("population", "land", "options", "said"),
    [
        ([[1.0]], [[1.0]], {"level": 3}, "level 3"),
        ([[1.0]], [[1.0]], {"level": 1, "edition": "R2019A"}, "R2019A"),
        ([[1.0]], [[1.0, 1.0]], {"level": 1}, "one shape"),
        ([[-1.0]], [[1.0]], {"level": 1}, "from -1.0"),
        ([[1.0]], [[1000.0]], {"level": 1}, "share of the cell"),
    ],
)
def test_what_cannot_be_classified_is_refused(
    population: list[list[float]], land: list[list[float]], options: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        classify_degurba(population, land, **options)  # type: ignore[arg-type]


@given(
    points=st.lists(
        st.tuples(st.floats(-2e4, 2e4), st.floats(-2e4, 2e4), st.integers(0, 10**6)), min_size=1, max_size=60
    )
)
def test_summing_into_kilometres_keeps_everybody(points: list[tuple[float, float, int]]) -> None:
    table = np.array(points, dtype=float)
    grid, cells = aggregate_to_km(table[:, :2], table[:, 2])
    assert grid.sum() == table[:, 2].sum()
    for row, column in set(map(tuple, cells)):
        mine = (cells == (row, column)).all(axis=1)
        assert grid[row, column] == table[mine, 2].sum()
        assert (np.ptp(table[mine, :2], axis=0) <= 1000.0).all()


def city(people_per_point: float) -> NDArray[np.float64]:
    """Return lon, lat of points 250 m apart over a square of 6 km near 108 E 30 N, and one 30 km away."""
    steps = np.arange(-3000, 3000, 250.0)
    x, y = np.meshgrid(steps, steps)
    lon = 108.0 + x.ravel() / (111_320 * np.cos(np.radians(30)))
    lat = 30.0 + y.ravel() / 110_850
    return np.column_stack([np.append(lon, 108.3), np.append(lat, 30.0), np.full(lon.size + 1, people_per_point)])


@pytest.mark.parametrize(("each", "setting"), [(150.0, "urban"), (60.0, "town"), (0.5, "rural")])
def test_points_take_the_class_of_their_kilometre(each: float, setting: str) -> None:
    table = city(each)
    named, found = classify_settings(table[:, :2], "EPSG:4326", table[:, 2])
    inner = np.hypot(table[:, 0] - 108.0, table[:, 1] - 30.0) < 0.01
    assert set(named[inner]) == {setting}
    assert named[-1] == "rural"
    assert sum(found.people.values()) == pytest.approx(table[:, 2].sum())


def mollweide(lon: float, lat: float) -> tuple[float, float]:
    """Return metres of a place by the formulas of the projection (Snyder 1987, 31-1 to 31-3)."""
    theta = phi = np.radians(lat)
    for _ in range(50):
        theta -= (2 * theta + np.sin(2 * theta) - np.pi * np.sin(phi)) / (2 + 2 * np.cos(2 * theta))
    root = 6_378_137.0 * np.sqrt(2)
    return float(2 * root / np.pi * np.radians(lon) * np.cos(theta)), float(root * np.sin(theta))


def test_cells_are_those_of_the_published_grid() -> None:
    table = city(90.0)
    named, _ = classify_settings(table[:, :2], "EPSG:4326", table[:, 2])
    cells = [tuple(int(metres // 1000) for metres in mollweide(lon, lat)) for lon, lat, _ in table]
    columns, rows = (np.array(side) - min(side) for side in zip(*cells, strict=True))
    people = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(people, (rows, columns), table[:, 2])
    names = {3: "urban", 2: "town", 1: "rural", 0: "rural"}
    expected = [names[int(code)] for code in classify_degurba(people, level=1)[rows, columns]]
    assert named.tolist() == expected
    assert len(set(expected)) > 1


@pytest.mark.parametrize("east", [0.0, 0.003, 0.0071])
def test_a_place_has_one_class_whatever_the_cut_of_the_study(east: float) -> None:
    table = city(60.0) + np.array([east, 0.0, 0.0])
    far = np.array([[109.2345, 30.4321, 10.0], [107.1, 29.2, 3.0]])
    alone, _ = classify_settings(table[:, :2], "EPSG:4326", table[:, 2])
    both = np.vstack([table, far])
    within, _ = classify_settings(both[:, :2], "EPSG:4326", both[:, 2])
    assert (within[: len(table)] == alone).all()


def test_grids_half_a_cell_off_are_tried_too() -> None:
    table = city(0.0)[:1]
    x, y = mollweide(*table[0, :2])
    west, south = x // 500 * 500 + 250, y // 500 * 500 + 250
    from pyproj import Transformer  # noqa: PLC0415

    quarters = [(west + dx, south + dy) for dx in (0, 500, 1000) for dy in (0, 500, 1000)]
    lonlat = np.column_stack(Transformer.from_crs("ESRI:54009", 4326, always_xy=True).transform(*np.array(quarters).T))
    people = np.zeros(9)
    people[[4, 7]] = 2_600.0  # two quarters side by side: 5 200 people, 5 000 make a town where one cell holds both
    _, found = classify_settings(lonlat, "EPSG:4326", people)
    grids = [((x + dx) // 1000, (y + dy) // 1000) for dx in (0, 500) for dy in (0, 500) for x, y in [quarters[4]]]
    assert len(found.shifted) == 3
    assert len(set(grids)) > 1
    for dx, dy, setting in zip((500, 0, 500), (0, 500, 500), found.shifted, strict=True):
        cells = [((x + dx) // 1000, (y + dy) // 1000) for x, y in quarters]
        sums: dict[Any, float] = {}
        for cell, here in zip(cells, people, strict=True):
            sums[cell] = sums.get(cell, 0.0) + here
        # Cells of 2 600 people are dense, and touch: of 5 200 people a town either way, nobody beside it.
        assert setting.tolist() == ["town" if sums[cell] >= 300 else "rural" for cell in cells]


def test_the_coordinate_system_changes_nothing() -> None:
    table = city(150.0)
    from pyproj import Transformer  # noqa: PLC0415

    metres = np.column_stack(Transformer.from_crs(4326, 32649, always_xy=True).transform(table[:, 0], table[:, 1]))
    a, _ = classify_settings(table[:, :2], "EPSG:4326", table[:, 2])
    b, _ = classify_settings(metres, "EPSG:32649", table[:, 2])
    assert (a == b).mean() > 0.999


def test_people_without_a_place_are_held_to_the_urban_rule_and_counted() -> None:
    table = city(0.5)
    table[3, :2] = np.nan
    named, found = classify_settings(table[:, :2], "EPSG:4326", table[:, 2])
    assert named[3] == "urban"
    assert (found.unplaced, found.unplaced_people) == (1, 0.5)
    assert [note["code"] for note in found.notes()] == ["no-setting"]
    nowhere, facts = classify_settings(np.full((2, 2), np.nan), "EPSG:4326", np.ones(2))
    assert nowhere.tolist() == ["urban", "urban"]
    assert facts.people == {"urban": 2.0, "town": 0.0, "rural": 0.0}


def test_a_cluster_at_the_edge_of_the_data_is_told() -> None:
    table = city(150.0)
    assert classify_settings(table[:-1, :2], "EPSG:4326", table[:-1, 2])[1].touches_edge
    ring = np.array([(108 + dx, 30 + dy, 1.0) for dx in (-0.2, 0.2) for dy in (-0.2, 0.2)])
    around = np.vstack([table, ring])
    assert not classify_settings(around[:, :2], "EPSG:4326", around[:, 2])[1].touches_edge


def test_codes_become_settings() -> None:
    codes = ["111", 112, "121", "122", " 123 ", "210", "220.0"]
    assert settings_from_codes(codes).tolist() == ["urban", "urban", "town", "town", "town", "rural", "rural"]
    with pytest.raises(InputError, match=r"1 urban-rural codes are unknown: '999' in row 1; expected one of 111"):
        settings_from_codes(["111", "999"])
