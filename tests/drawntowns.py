"""Towns drawn at random, for what must hold in every one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import worlds
from hypothesis import strategies as st

from accessibility.standards import SETTINGS

if TYPE_CHECKING:
    from accessibility import Demand, Network, Sites

place = st.tuples(st.integers(0, 4_000), st.integers(0, 4_000))


@st.composite
def towns(draw: st.DrawFn) -> tuple[Network, Demand, Sites]:
    """Draw a town: crooked streets, one-way ones among them, people of all settings, outlets open and closed."""
    drawn = draw(st.lists(place, min_size=2, max_size=14, unique=True))
    # Off the grid by a fixed hair: no two streets of a town on one line, nobody exactly between two.
    hair = np.random.default_rng(0).uniform(0, 5, (len(drawn), 2))
    nodes = [(x + dx, y + dy) for (x, y), (dx, dy) in zip(drawn, hair.tolist(), strict=True)]
    end = st.integers(0, len(nodes) - 1)
    pair = st.tuples(end, end).filter(lambda e: e[0] != e[1])
    edges = draw(st.lists(pair, min_size=1, max_size=24, unique_by=lambda e: tuple(sorted(e))))
    oneway = draw(st.lists(st.booleans(), min_size=len(edges), max_size=len(edges)))
    private = np.array(draw(st.lists(st.booleans(), min_size=len(edges), max_size=len(edges))))
    private[0] = False
    homes = draw(st.lists(place, min_size=1, max_size=12))
    people = worlds.people(
        homes,
        draw(st.lists(st.integers(0, 500), min_size=len(homes), max_size=len(homes))),
        draw(st.lists(st.sampled_from(SETTINGS), min_size=len(homes), max_size=len(homes))),
    )
    at = draw(st.lists(place, min_size=1, max_size=5))
    is_open = np.array(draw(st.lists(st.booleans(), min_size=len(at), max_size=len(at))))
    network = replace(worlds.network(nodes, edges, oneway=oneway), private=private)
    return network, people, replace(worlds.outlets(at), open=is_open)
