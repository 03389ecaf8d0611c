"""A place of the same kind as the sample county, as bare arrays and of any size: what measurements run on.

Everything lies on one lattice of lanes. Which of its edges are kept makes the place: in towns, arterials every
eighth line, behind them lanes that meet the arterials at a few gates only; outside, roads a kilometre apart as long
chains, and villages where they cross; through it all a river that few roads bridge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

CRS = "EPSG:4545"
LANE_M = 62.0  # the lattice
BLOCK = 8  # lanes between arterials
RURAL = 16  # lanes between rural roads
TOWN_SHARE = 0.17  # of the land
VILLAGE_SHARE = 0.2  # of rural crossings
BRIDGE_EVERY = 5 * BLOCK  # columns
RIVER_WIDTH_M = 180.0
JITTER_M = 17.0
PILOT = 640  # side of the small lattice that tells how many nodes survive


def make_network_arrays(junctions: int, *, seed: int = 1) -> dict[str, NDArray[np.generic]]:
    """Make a walking network of about so many junctions.

    Parameters
    ----------
    junctions
        Nodes wanted; what comes out differs by a few per cent, since nodes that no road reaches are left out.
    seed
        Equal seeds give equal arrays.

    Returns
    -------
    dict
        ``node_xy`` (n, 2) float64 metres, ``edges`` (m, 2) int32, ``length_m`` (m,) float64: the fields of the same
        names of `accessibility.streets.network.Network`. Node ids are in no spatial order, as in a file.
    """
    side = min(PILOT, max(int(np.sqrt(junctions * 3.0)), 2 * RURAL))
    laid = _lay(side, seed)
    for _ in range(3):  # the first large one is near enough: the share of nodes kept hardly depends on the size
        if abs(len(laid["node_xy"]) / junctions - 1.0) < 0.05:
            break
        side = max(round(side * np.sqrt(junctions / len(laid["node_xy"]))), 2 * RURAL)
        laid = _lay(side, seed)
    return laid


def _lay(side: int, seed: int) -> dict[str, NDArray[np.generic]]:
    """Lay a square lattice of `side` lanes a side."""
    rng = np.random.default_rng(seed)
    town, village = _town(side, rng), _villages(side, rng)
    kept = [_kept(town, village, axis, rng) for axis in (0, 1)]
    _cut_river(kept[0], side)
    ids = np.arange(side * side, dtype=np.int64).reshape(side, side)
    edges = np.concatenate(
        [
            np.column_stack([ids[:-1][kept[0]], ids[1:][kept[0]]]),
            np.column_stack([ids[:, :-1][kept[1]], ids[:, 1:][kept[1]]]),
        ]
    )
    used = np.zeros(side * side, dtype=bool)
    used[edges.ravel()] = True
    fresh = np.full(side * side, -1, dtype=np.int32)
    fresh[used] = rng.permutation(int(used.sum())).astype(np.int32)  # file-like: neighbours are far apart
    node_xy = np.empty((int(used.sum()), 2))
    node_xy[fresh[used]] = _positions(side, rng).reshape(-1, 2)[used]
    edges = fresh[edges][rng.permutation(len(edges))]
    straight = np.hypot(*(node_xy[edges[:, 0]] - node_xy[edges[:, 1]]).T)
    return {"node_xy": node_xy, "edges": edges, "length_m": straight * rng.uniform(1.0, 1.12, len(edges))}


def _town(side: int, rng: np.random.Generator) -> Mask:
    """Whether each lattice node is in town: blobs of whole superblocks."""
    blocks = side // BLOCK + 1
    y, x = np.mgrid[0:blocks, 0:blocks]
    swell = np.zeros((blocks, blocks))
    for wave in (29.0, 17.0, 11.0, 41.0):
        angle, phase = rng.uniform(0, 2 * np.pi, 2)
        swell += np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / wave + phase)
    swell += 0.5 * rng.random(swell.shape)
    return _enlarge(swell >= np.quantile(swell, 1 - TOWN_SHARE), BLOCK, side)


def _villages(side: int, rng: np.random.Generator) -> Mask:
    """Whether each lattice node is in the lanes of a village: within three lanes of some rural crossings."""
    cells = side // RURAL + 1
    chosen = _enlarge(rng.random((cells, cells)) < VILLAGE_SHARE, RURAL, side)
    near = np.arange(side) % RURAL <= 4
    return chosen & near[:, None] & near[None, :]


def _enlarge(coarse: Mask, factor: int, side: int) -> Mask:
    """Blow up a coarse mask to the lattice."""
    return np.repeat(np.repeat(coarse, factor, axis=0), factor, axis=1)[:side, :side]


def _kept(town: Mask, village: Mask, axis: int, rng: np.random.Generator) -> Mask:
    """Which edges along an axis are kept (axis 0 joins a row to the next)."""
    if axis == 1:
        return _kept(town.T, village.T, 0, rng).T.copy()
    side = len(town)
    line, step = np.arange(side)[None, :], np.arange(side - 1)[:, None]
    dice = rng.random((side - 1, side), dtype=np.float32)
    arterial = line % BLOCK == 0
    gate = (step % BLOCK == 0) | (step % BLOCK == BLOCK - 1)  # the lane's edge that meets an arterial
    lane = np.where(gate, dice < 0.16, dice < 0.8)
    in_town = town[:-1] & town[1:] & (arterial | lane)
    cells = side // RURAL + 1
    closed = _enlarge(rng.random((cells, cells)) < 0.18, RURAL, side)[:-1]  # whole stretches of road are missing
    rural = (line % RURAL == 0) & ~closed
    lanes = village[:-1] & village[1:] & (dice < 0.85)
    kept: Mask = in_town | rural | lanes
    return kept


def _cut_river(down: Mask, side: int) -> None:
    """Cut the edges that cross the river, but for the bridges."""
    column = np.arange(side)
    bridge = column % BRIDGE_EVERY == 0
    row = _river_row(side)
    down[row[~bridge], column[~bridge]] = False


def _river_row(side: int) -> NDArray[np.int64]:
    """Which row the river runs behind, column by column."""
    t = np.arange(side) / side
    row = side * (0.5 + 0.09 * np.sin(7.0 * t) + 0.02 * np.sin(31.0 * t))
    return np.clip(row.astype(np.int64), 0, side - 2)


def _positions(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Where the lattice nodes lie: jittered, and bent by swells so that no road is straight for long."""
    lattice = np.arange(side) * LANE_M
    xy = np.stack(np.meshgrid(lattice, lattice), axis=-1)
    xy[..., 1] += RIVER_WIDTH_M * (np.arange(side)[:, None] > _river_row(side)[None, :])
    bend_x = 130.0 * np.sin(lattice / 790.0) + 60.0 * np.sin(lattice / 310.0 + 1.0)
    bend_y = 120.0 * np.sin(lattice / 880.0 + 2.0) + 55.0 * np.sin(lattice / 270.0)
    xy[..., 0] += bend_x[:, None]
    xy[..., 1] += bend_y[None, :]
    xy += rng.uniform(-JITTER_M, JITTER_M, xy.shape)
    xy += np.array([500_000.0, 3_350_000.0])
    return xy
