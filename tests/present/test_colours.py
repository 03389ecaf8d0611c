"""Colours that the colour-blind can tell apart, simulated after Machado, Oliveira and Fernandes (2009)."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

import mapworlds
import numpy as np
import pytest

from accessibility.present.map.overlays import COLOURS, classify_changes, classify_people, shade_of
from accessibility.present.pages import template_text
from accessibility.present.symbols import INKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# The matrices of full severity, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ @ np.ones(3)
APART = 15.0  # CIE 1976; 2.3 is just noticeable


def lab(colours: Sequence[str], sight: str) -> NDArray[np.float64]:
    """Return how colours are seen, in CIE L*a*b*."""
    rgb = np.array([[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ SIGHT[sight].T, 0, 1) @ TO_XYZ.T / WHITE
    f = np.where(seen > (6 / 29) ** 3, np.cbrt(seen), seen / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.column_stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])])


def test_the_simulation_is_the_known_one() -> None:
    # Red and green of the same lightness differ for most, hardly for a deuteranope; blue and yellow do for both.
    def apart(one: str, other: str, sight: str) -> float:
        return float(np.linalg.norm(np.subtract(*lab([one, other], sight))))

    assert apart("#b04a4a", "#5a7a3a", "normal") > 55
    assert apart("#b04a4a", "#5a7a3a", "deuteranopia") < 20
    assert apart("#2f7fbf", "#f08a24", "deuteranopia") > 80
    np.testing.assert_allclose(lab(["#ffffff"], "normal"), [[100, 0, 0]], atol=0.01)


@pytest.mark.parametrize("sight", SIGHT)
def test_classes_are_told_apart(sight: str) -> None:
    cover = mapworlds.street([0, 100], ["urban", "rural"])
    layers = [*classify_people(cover), classify_changes(cover, cover)]
    for layer in layers:
        for (i, one), (j, other) in combinations(enumerate(lab(layer.colours, sight)), 2):
            assert np.linalg.norm(one - other) > APART, (layer.name, layer.labels[i], layer.labels[j])


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2)."""
    light = [float(((lab([colour], "normal")[0, 0] + 16) / 116) ** 3) for colour in (one, other)]
    return (max(light) + 0.05) / (min(light) + 0.05)


def test_the_ground_swallows_nobody_and_water_is_no_people() -> None:
    assert contrast("#ffffff", "#777777") == pytest.approx(4.48, abs=0.01)  # as WCAG's own tools say
    (ground,) = re.findall(r"--ground: (#\w+);", template_text("map.css"))
    (water,) = re.findall(r'fillColor: "(#\w+)", fillOpacity: 1,  // rings', template_text("map.js"))
    cover = mapworlds.street([0, 100], ["urban", "rural"])
    for layer in (*classify_people(cover), classify_changes(cover, cover)):
        for colour in layer.colours:
            shades = [shade_of(colour, shade) for shade in range(3 if layer.shaded else 1)]
            assert min(contrast(shade, ground) for shade in shades) >= 3, (layer.name, colour)
            for sight in SIGHT:
                assert all(np.linalg.norm(np.subtract(*lab([shade, water], sight))) > 35 for shade in shades)


@pytest.mark.parametrize("sight", SIGHT)
def test_what_changes_stands_out_from_what_stays(sight: str) -> None:
    covered, uncovered, gained, lost = lab(COLOURS, sight)
    for quiet in (covered, uncovered):
        for loud in (gained, lost):
            assert quiet[0] - loud[0] > 25  # much darker
    assert np.linalg.norm(gained - lost) > 40
    inks = lab(list(INKS.values()), sight)
    assert min(np.linalg.norm(a - b) for a, b in combinations(inks, 2)) > APART
