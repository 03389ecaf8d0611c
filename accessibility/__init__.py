"""Who lives within a 15-minute walk or 5 km of a service outlet, and where the next outlet should open.

A **standard**, a walking **network**, **people** and **sites** become **catchments** once;
coverage, siting and what-if are then cheap questions about the same catchments::

     files --sources--> Network -+- nearest ----> Coverage ---+-> maps, report
                        Demand   |                            |
                        Sites    +- catchments -> SitingPlan -+
     study.toml ------> Standard-+                            |
                                 +- open, close -> Trial -----+

From memory it takes three values. Streets are a graph as osmnx makes it, lines, or an extract of OpenStreetMap
(`Network.from_networkx`, `Network.from_gdf`, `Network.from_osm`); people are points, hexagons or other polygons with a
column of people; outlets and bank branches are points, or rows with ``lon`` and ``lat``. Here they are made by hand:

>>> import geopandas as gpd, networkx as nx, pandas as pd, shapely
>>> import accessibility as acc
>>> graph = nx.Graph(crs="EPSG:4326")  # or osmnx.graph_from_place("Porto, Portugal", network_type="walk")
>>> graph.add_nodes_from((i, {"x": 108.2 + 0.01 * i, "y": 30.5}) for i in range(5))
>>> graph.add_edges_from(((i, i + 1) for i in range(4)), highway="footway")
>>> homes = shapely.points([(108.202 + 0.006 * i, 30.5) for i in range(6)])
>>> hexes = gpd.GeoDataFrame({"pop": range(600, 0, -100)}, geometry=shapely.buffer(homes, 0.001), crs="EPSG:4326")
>>> outlets = pd.DataFrame({"name": ["Hall"], "lon": [108.2], "lat": [30.5]})
>>> banks = pd.DataFrame({"name": ["A", "B"], "partner": ["no", "no"], "lon": [108.21, 108.23], "lat": [30.5, 30.5]})

and from them to a map, a what-if and a proposal:

>>> network = acc.Network.from_networkx(graph)
>>> study = acc.Study.of(network, hexes, outlets, banks=banks, people="pop", settings="urban", coordinates="WGS84")
>>> now = study.coverage()  # in a notebook `study` and `now` show themselves; now.by("district") is a table
>>> now.share, now.covered_people
(0.5238095238095238, 1100.0)
>>> page = now.map()  # page.save("map.html") opens without the internet; now.explore(), now.plot()
>>> study.sites.ids.tolist()  # a column "id", or the index of a frame, would have named them
['O001', 'B001', 'B002']
>>> trial = study.what_if().open("B001")  # .close(id), .add(lon, lat), .move(id, lon, lat), .add_street(line), .undo()
>>> trial.coverage().share, trial.change_in_people()  # who gain and who lose; trial.compare() by district, trial.map()
(0.7142857142857143, (400.0, 0.0))
>>> study.rank(open="candidates")[["site", "gained", "cost"]].values.tolist()[0]
['N001', 900.0, 3.0]
>>> plan = study.site(budget=3)  # or sites=2, or reach=0.9; plan.table(), plan.to_gdf(), plan.assignment()
>>> plan.selected, study.coverage(plan).share, plan.status
(('N001',), 0.9523809523809523, 'optimal')

`Study.of` says what else may be given, `read_study` reads files, `sample` brings a county to try things on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accessibility.demand import Demand
    from accessibility.errors import (
        AccessibilityError,
        AccessibilityWarning,
        InfeasibleError,
        InputError,
        OutputError,
        UnknownSiteError,
        UnprovenError,
    )
    from accessibility.measures.catchments import Catchments, trace_catchments
    from accessibility.measures.coverage import Coverage, measure_coverage
    from accessibility.measures.inequalities import inequality
    from accessibility.sites import Sites
    from accessibility.standards import Rule, Standard, Walker
    from accessibility.streets.edits import Closure, CompoundOpening, NewStreet, Pace
    from accessibility.streets.network import Network
    from accessibility.study.sample_county import sample
    from accessibility.study.scenariofile import read_scenarios, write_scenarios
    from accessibility.study.study import Study, read_study
    from accessibility.whatif.comparison import compare_coverages, compare_scenarios
    from accessibility.whatif.scenario import Addition, Move, Scenario, Settings
    from accessibility.whatif.trial import Trial
    from accessibility.wording import cite

__version__ = "0.1.0"

_NAMES = {  # of each module
    "demand": ("Demand",),
    "errors": (
        "AccessibilityError",
        "AccessibilityWarning",
        "InfeasibleError",
        "InputError",
        "OutputError",
        "UnknownSiteError",
        "UnprovenError",
    ),
    "measures.catchments": ("Catchments", "trace_catchments"),
    "measures.coverage": ("Coverage", "measure_coverage"),
    "measures.inequalities": ("inequality",),
    "sites": ("Sites",),
    "sources.osm.extracts": ("read_network",),  # by which `Network.from_osm` reads
    "standards": ("Rule", "Standard", "Walker"),
    "streets.edits": ("Closure", "CompoundOpening", "NewStreet", "Pace"),
    "streets.network": ("Network",),
    "study.sample_county": ("sample",),
    "study.scenariofile": ("read_scenarios", "write_scenarios"),
    "study.study": ("Study", "read_study"),
    "whatif.comparison": ("compare_coverages", "compare_scenarios"),
    "whatif.scenario": ("Addition", "Move", "Scenario", "Settings"),
    "whatif.trial": ("Trial",),
    "wording": ("cite",),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

__all__ = ["Addition", "Catchments", "Closure", "CompoundOpening", "Coverage", "Demand", "Move", "Network"]
__all__ += ["NewStreet", "Pace", "Rule", "Scenario", "Settings", "Sites", "Standard", "Study", "Trial", "Walker"]
__all__ += ["cite", "compare_coverages", "compare_scenarios", "inequality", "measure_coverage", "read_scenarios"]
__all__ += ["read_study", "sample", "trace_catchments", "write_scenarios"]
__all__ += ["AccessibilityError", "InfeasibleError", "InputError", "OutputError", "UnknownSiteError", "UnprovenError"]
__all__ += ["AccessibilityWarning"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for: importing the package costs nothing (PEP 562)."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__, "__version__"]
