"""People by what happens to them, and colours that the colour-blind can tell apart."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import worlds

from accessibility import Coverage, measure_coverage
from accessibility.present.map.overlays import COLOURS, classify_changes

GROUND = "#f7f7f5"
# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SEEN_BY: dict[str, Any] = {
    "all": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopes": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopes": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopes": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def covered(*where: float) -> Coverage:
    """Measure people every 1 000 m on a street of 6 km, with outlets at some metres, within 900 m."""
    people = worlds.people([(1_000.0 * k, 0.0) for k in range(7)], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
    return measure_coverage(worlds.line(), people, worlds.outlets([(x, 0.0) for x in where]))


def test_everybody_is_in_one_class() -> None:
    changes = classify_changes(covered(0, 3_000), covered(3_000, 6_000))
    assert changes.of.tolist() == [3, 1, 1, 0, 1, 1, 2]
    assert changes.people.tolist() == [8.0, 2 + 4 + 16 + 32, 64.0, 1.0]


def lab(colour: str, seen: Any) -> Any:
    """Return CIE L*a*b* (D65) of a colour of sRGB as somebody sees it."""
    channels = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    rgb = np.clip(np.array(seen) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ rgb / (0.9505, 1.0, 1.089)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("whom", SEEN_BY)
def test_the_colours_differ_for_everybody(whom: str) -> None:
    found = {c: lab(c, SEEN_BY[whom]) for c in COLOURS}
    assert min(np.linalg.norm(found[a] - found[b]) for a, b in combinations(COLOURS, 2)) > 30
    assert min(np.linalg.norm(found[c] - lab(GROUND, SEEN_BY[whom])) for c in COLOURS) > 20
