"""The census blocks of New York as a covering, with the best coverage that is published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from accessibility.siting import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

INSTANCE = Path(__file__).parents[2] / "shared" / "data" / "mclp" / "new-york-blocks.txt"
# The best coverages that are published, of Máximo, Cordeau and Nascimento (2023).
PUBLISHED = {50: 1_153_640, 60: 1_288_174, 70: 1_396_333, 80: 1_481_434, 90: 1_539_992, 100: 1_574_256}
RADIUS_M = 6_378_100.0  # as who published them takes it: the equator's would put one pair out of reach, by a millimetre
REACH_M = 400.0
SITES = 50
BEST = PUBLISHED[SITES]


def read_blocks() -> Problem:
    """Return the blocks as demand and as candidates, within reach along the great circle; skip where they are not."""
    if not INSTANCE.is_file():
        pytest.skip("the New York instance is not beside the project")
    place, people = _read(INSTANCE)
    metres = great_circle_m(place)
    return Problem.from_costs(np.where(metres <= REACH_M, metres, np.inf), people, REACH_M)


def _read(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    at, then, end = (lines.index(word) for word in ("NODE_COORD_SECTION", "DEMAND_SECTION", "EOF"))
    place = np.array([line.split() for line in lines[at + 1 : then]], dtype=np.float64)
    return place, np.array(lines[then + 1 : end], dtype=np.float64)


def great_circle_m(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return metres between places of (latitude, longitude) in degrees, by the haversine formula."""
    lat, lon = np.radians(place).T
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half += np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    metres: NDArray[np.float64] = 2 * RADIUS_M * np.arcsin(np.sqrt(half))
    return metres
