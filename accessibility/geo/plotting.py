"""Frames drawn by geopandas: `plot` by matplotlib, `explore` by folium, with the words kept text."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import folium
    import geopandas as gpd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Layers = list[tuple[gpd.GeoDataFrame, str, float]]

_SIZES = ((300, 36.0), (3_000, 9.0))  # up to so many points, square points of matplotlib
_SMALLEST = 3.0
_NEEDED = {"plot": ("matplotlib",), "explore": ("matplotlib",)}


@dataclass(frozen=True, kw_only=True)
class Colouring:
    """How a frame is drawn."""

    column: str  # what its colours tell
    # colour of each value of the column, for a column of words; empty for one of numbers
    inks: Mapping[str, str] = field(default_factory=dict)
    cmap: str = "viridis_r"  # colours of a column of numbers
    told: tuple[str, ...] = ()  # columns that a tooltip shows; all if empty


def plot_frame(frame: gpd.GeoDataFrame, look: Colouring, ax: Axes | None = None) -> Axes:
    """Return the axes on which the frame is drawn, with a legend; new ones if None.

    Raises
    ------
    InputError
        A column that is not there.
    ModuleNotFoundError
        Without matplotlib.
    """
    _prepare(frame, look, "plot")
    from matplotlib.patches import Patch  # noqa: PLC0415 -- an extra
    from matplotlib.pyplot import subplots  # noqa: PLC0415

    axes: Axes = subplots()[1] if ax is None else ax
    size = {"markersize": next((size for most, size in _SIZES if len(frame) <= most), _SMALLEST)}
    if look.inks:
        for word, ink in look.inks.items():
            rows = frame[frame[look.column].eq(word)]
            if len(rows):
                rows.plot(ax=axes, color=ink, **_of_points(rows, size))
        there = [word for word in look.inks if frame[look.column].eq(word).any()]
        axes.legend(handles=[Patch(color=look.inks[word], label=_plain(word)) for word in there], loc="best")
    elif len(frame):
        grey: dict[str, Any] = {"missing_kwds": {"color": "#4d4d4d"}} if frame[look.column].isna().any() else {}
        if getattr(frame[look.column].dtype, "kind", "O") in "iuf":
            grey["legend_kwds"] = {"label": _plain(look.column.replace("_", " "))}
        frame.plot(look.column, ax=axes, cmap=look.cmap, legend=True, **grey, **_of_points(frame, size))
    axes.set_axis_off()
    return axes


def explore_frame(
    frame: gpd.GeoDataFrame, look: Colouring, tiles: str | None, m: folium.Map | None = None
) -> folium.Map:
    """Return a folium map of the frame, with a legend and tooltips; on a map that is there already, or a new one.

    Raises
    ------
    InputError
        A column that is not there.
    ModuleNotFoundError
        Without matplotlib, which geopandas asks for.
    """
    _prepare(frame, look, "explore")
    shown = frame.to_crs(4326)
    shown = _as_text(shown[~(shown.geometry.is_empty | shown.geometry.isna())])
    names = [c for c in shown.columns if c != shown.active_geometry_name]
    given: dict[str, Any] = {"tooltip": [c for c in names if not look.told or c in look.told], "m": m}
    if m is None:
        given["tiles"] = _known_tiles(tiles)
    if look.inks:
        there = [word for word in look.inks if shown[look.column].eq(escape(word)).any()]
        given |= {"categorical": True, "categories": [escape(w) for w in there], "cmap": [look.inks[w] for w in there]}
    elif shown[look.column].notna().any():
        given["cmap"] = look.cmap
    style = {"fillOpacity": 0.65, "weight": 1}
    with _unclassified():
        found: folium.Map = shown.explore(look.column, marker_kwds={"radius": 3}, style_kwds=style, **given)
    return found


def plot_layers(layers: Layers, ax: Axes | None = None) -> Axes:
    """Return the axes on which frames are drawn one over the other, each in its colour and width."""
    _ask_for("plot")
    from matplotlib.pyplot import subplots  # noqa: PLC0415 -- an extra

    axes: Axes = subplots()[1] if ax is None else ax
    for frame, ink, wide in layers:
        size = {"markersize": wide**2} if (frame.geom_type == "Point").all() else {"linewidth": wide}
        frame.plot(ax=axes, color=ink, **size)
    axes.set_axis_off()
    return axes


def explore_layers(layers: Layers, tiles: str | None, m: folium.Map | None = None) -> folium.Map:
    """Return a folium map of frames one over the other, each in its colour and width, their words as tooltips."""
    _ask_for("explore")
    shown: Any = m
    for frame, ink, wide in layers:
        words = [str(c) for c in frame.columns if c != frame.active_geometry_name]
        given: dict[str, Any] = {"tiles": _known_tiles(tiles)} if shown is None else {"m": shown}
        with _unclassified():
            shown = _as_text(frame.to_crs(4326)).explore(
                color=ink,
                tooltip=words or False,
                marker_kwds={"radius": wide},
                style_kwds={"weight": wide, "fillOpacity": 1.0},
                **given,
            )
    found: folium.Map = shown
    return found


@contextmanager
def _unclassified() -> Iterator[None]:
    """Let geopandas draw without mapclassify, whose import takes seconds.

    `explore` imports it whatever is asked for. Without a scheme, and none is asked for, it only has it look up between
    which of many equal steps each number lies.
    """
    if "mapclassify" in sys.modules:
        yield
        return
    stand_in: Any = ModuleType("mapclassify")
    stand_in.classify = _look_up
    sys.modules["mapclassify"] = stand_in
    try:
        yield
    finally:
        del sys.modules["mapclassify"]


def _look_up(values: NDArray[np.float64], scheme: str, *, bins: NDArray[np.float64]) -> SimpleNamespace:
    """Return as ``yb`` in which of the bins each value lies, the upper end of a bin in it: a scheme of the user."""
    assert scheme == "UserDefined", scheme  # noqa: S101 -- geopandas' own word
    return SimpleNamespace(yb=np.minimum(np.searchsorted(bins, values), len(bins) - 1))


def _as_text(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a frame whose words are no markup in a page."""
    shown = frame.copy()
    for name in shown.columns:
        if name != shown.active_geometry_name and not _is_plain(shown[name].dtype):
            shown[name] = [escape(value) if isinstance(value, str) else value for value in shown[name]]
    return shown


def _known_tiles(tiles: str | None) -> str | None:
    from xyzservices import providers  # noqa: PLC0415 -- folium's

    try:
        if tiles is not None and tiles.lower() != "openstreetmap":  # folium's own name for the first of them
            providers.query_name(tiles)
    except ValueError as error:
        msg = f"tiles is {tiles!r}; expected the name of a basemap such as 'OpenStreetMap', or None"
        raise InputError(msg) from error
    return tiles


def _ask_for(how: str) -> None:
    missing = [name for name in _NEEDED[how] if find_spec(name) is None]
    if missing:
        msg = f"{missing[0]} is not installed; {how} needs outlet-accessibility[plot]"
        raise ModuleNotFoundError(msg, name=missing[0])


def _is_plain(dtype: Any) -> bool:
    """Return whether a column holds numbers or flags, none of which is a word."""
    return getattr(dtype, "kind", "O") in "biufc"


def _prepare(frame: gpd.GeoDataFrame, look: Colouring, how: str) -> None:
    _ask_for(how)
    if look.column not in frame.columns:
        there = [str(c) for c in frame.columns if c != frame.active_geometry_name]
        msg = f"column is {look.column!r}; expected one of {', '.join(there)}"
        raise InputError(msg)
    from matplotlib import colormaps  # noqa: PLC0415 -- an extra

    if look.cmap not in colormaps:
        msg = f"cmap is {look.cmap!r}; expected colours of matplotlib, such as 'viridis'"
        raise InputError(msg)


def _of_points(frame: gpd.GeoDataFrame, size: dict[str, float]) -> dict[str, float]:
    return size if (frame.geom_type == "Point").all() else {}


def _plain(word: str) -> str:
    """Return words that matplotlib takes for no formula and no hidden label."""
    return " " + word.replace("$", r"\$").strip() if word.startswith("_") else word.replace("$", r"\$")
