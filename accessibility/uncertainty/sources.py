"""The errors of the inputs that a figure is tried against: how large each is unless a study says otherwise, and why.

Two kinds. Most leave the truth scattered around what is written: an outlet stands somewhere around its coordinate,
homes somewhere in their cell. Ways that the map misses are missing on one side only, and nobody knows where: as many of
those it has are taken away once more, and the true figure lies as far on the other side of what is measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError, checked, spell_number
from accessibility.geo.arrays import Named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

SOURCES = ("outlets", "paths", "people", "totals", "cells", "snapping", "settlement", "speed")
"""The sources, in the order of their random numbers: a new one comes last."""
IN_THE_DATA = frozenset({"paths"})
"""The sources whose error is in the data on one side, and is made once more to see what it did."""
WAYS = ("surveyed", "mapped", "converted", "geocoded", "unknown")
"""How a coordinate may have come about."""

# Surveyed: satellite positioning on the spot. Mapped: drawn from imagery, as OpenStreetMap is. Converted: GCJ-02 and
# BD-09 are undone to a metre, but a web map's own pins stand beside the building. Geocoded addresses: 95 % within 152 m
# in a city (Cayo and Talbot 2003: half of them then within about 75 m), half within 168 m in the countryside (Zimmerman
# and others 2007). Of the unknown nobody says how the coordinate came about: taken as geocoded.
_MEDIAN_M = {"surveyed": (3.0, 3.0), "mapped": (10.0, 10.0), "converted": (25.0, 25.0), "geocoded": (75.0, 170.0)}
_MEDIAN_M["unknown"] = _MEDIAN_M["geocoded"]
FARTHEST_M = 5_000.0
"""A coordinate that may be farther off than this tells no place."""
_SAID: Mapping[str, str | float] = MappingProxyType(
    {
        **{way: way for way in WAYS},
        **dict(zip(("实测", "描绘", "转换", "地址匹配", "未知"), WAYS, strict=True)),
        # What geocoders say they found: a door or a thing by its name, else the middle of something larger.
        **dict.fromkeys(("门牌号", "门址", "单元号", "兴趣点", "住宅区", "道路交叉路口", "道路交叉口"), "geocoded"),
        **dict.fromkeys(("公交站台、地铁站", "公交地铁站点", "rooftop", "poi", "house", "building"), "geocoded"),
        **dict.fromkeys(("热点商圈", "道路", "street", "road"), 500.0),
        **dict.fromkeys(("村庄", "village"), 1_000.0),
        **dict.fromkeys(("开发区", "乡镇", "街道", "township", "town"), 2_500.0),
        **dict.fromkeys(("区县", "市", "城市", "省", "国家", "district", "county", "city", "province"), np.inf),
    }
)
_BLANK = ("", "none", "nan", "<na>")
_MISSING = {
    **dict.fromkeys(("footway", "path", "steps", "track", "crossing", "corridor"), 0.05),
    **dict.fromkeys(("pedestrian", "cycleway", "service"), 0.03),
    **dict.fromkeys(("residential", "living_street", "unclassified", "road"), 0.01),
}


@checked
@dataclass(frozen=True, kw_only=True)
class InputErrors:
    """How large the errors of the inputs are taken to be.

    Parameters
    ----------
    without
        Sources that are left out, names of `SOURCES`.
    known
        Those of ``cells`` and ``snapping`` whose truth the data would say: the same in every draw.
    people_cell, people_block
        Relative standard deviation of the people of a demand point, and of all the people of a square kilometre
        together: a modelled raster is off in whole quarters. Of people counted one by one both are smaller.
    missing
        Type of street to the share of such ways that the map misses. No published rate fits every place: these are
        suppositions, for a study to replace by what a walk through a few of its quarters finds; each draw takes from
        none to twice as many.
    snapping_m
        How much farther another street may be and still be, with e-fold less chance, the one that a door opens to.
    home_m
        How far homes stand back from their street, in the middle.
    speed_m_s
        Standard deviation of the walking speed of the group.
    ways_m
        How a coordinate came about to the metres within which half of the true places lie, in towns and in the
        countryside.

    Raises
    ------
    InputError
        A source that is none, a share outside 0 to 1, a negative size.

    Examples
    --------
    >>> from accessibility.uncertainty import InputErrors
    >>> InputErrors(without=("speed",)).sources
    ('outlets', 'paths', 'people', 'totals', 'cells', 'snapping', 'settlement')
    """

    without: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    people_cell: float = 0.3
    people_block: float = 0.3
    missing: Mapping[str, float] = field(default_factory=lambda: dict(_MISSING))
    snapping_m: float = 20.0
    home_m: float = 10.0
    speed_m_s: float = 0.1
    ways_m: Mapping[str, tuple[float, float]] = field(default_factory=lambda: dict(_MEDIAN_M))

    def __post_init__(self) -> None:
        """Refuse a source that is none, a share outside 0 to 1 and a negative size."""
        strange = [name for name in self.without if name not in SOURCES]
        if strange:
            msg = f"uncertainty is told to leave out {strange[0]!r}; expected names among {', '.join(SOURCES)}"
            raise InputError(msg)
        for kind, share in self.missing.items():
            if not 0.0 <= share < 1.0:
                msg = (
                    f"share of missing ways of type {kind!r} is {spell_number(share)}; expected 0 or more, less than 1"
                )
                raise InputError(msg)
        for name in ("people_cell", "people_block", "snapping_m", "home_m", "speed_m_s"):
            size = getattr(self, name)
            if not (np.isfinite(size) and size >= 0):
                msg = f"uncertainty {name} is {spell_number(size)}; expected a size of 0 or more"
                raise InputError(msg)
        object.__setattr__(self, "missing", Named(self.missing))
        object.__setattr__(self, "ways_m", Named(self.ways_m))

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that are tried, in the order of `SOURCES`."""
        return tuple(name for name in SOURCES if name not in self.without)


def way_of(said: object) -> str | float | None:
    """Return how a coordinate came about, or the metres within which half of the true places lie, as a cell says it.

    One of `WAYS`, in English or Chinese; metres; or what a geocoder found: a door is ``geocoded``, of a village or a
    township it gives the middle. Nobody has published how far those are off: the metres are suppositions. A blank cell
    is ``unknown``, more than 5 km infinite, and None is what is no such word.

    Examples
    --------
    >>> from accessibility.uncertainty.sources import way_of
    >>> [way_of(said) for said in ("surveyed", "门牌号", "乡镇", "40", "", "perhaps")]
    ['surveyed', 'geocoded', 2500.0, 40.0, 'unknown', None]
    """
    text = str(said).strip().casefold()
    if text in _BLANK:
        return "unknown"
    try:
        metres = float(text)
    except ValueError:
        return _SAID.get(text)
    return None if not metres >= 0 else metres if metres <= FARTHEST_M else np.inf


def position_errors(ways: NDArray[np.object_], rural: NDArray[np.bool_], errors: InputErrors) -> NDArray[np.float64]:
    """Return the metres within which half of the true places of each site lie.

    Parameters
    ----------
    ways
        ``(s,)`` how each coordinate came about, of `WAYS`; or the metres themselves.
    rural
        ``(s,)`` whether the site stands in the countryside.
    errors
        The sizes.
    """
    found = [
        errors.ways_m[way][int(out)] if isinstance(way, str) else float(way)
        for way, out in zip(ways.tolist(), rural.tolist(), strict=True)
    ]
    return np.array(found, np.float64)
