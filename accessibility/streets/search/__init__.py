"""The shortest-path kernels.

Costs are integers (walking milliseconds or centimetres), nodes are numbered along a Hilbert curve, junctions with few
neighbours are eliminated, arcs are packed in one word (cost above, node below), the queue is a ring of buckets. People
walk from home to a site, so everything searches from the sites on the reversed graph: a label is the cost from that
node *to* the nearest site.

A label is one word, cost above and owner below, so that the smaller word is the nearer site and, of two equally near,
the lower row: the answer does not hang on the order of the search.

Edges where only residents may walk are searched after the streets and apart from them: labels go in from the gates and
never come out again, so whoever lives inside walks out, and nobody passes through. A junction at a gate has two labels.

Examples
--------
A straight road of 1 km, a site at each end, people at 400 m and at 900 m. The other examples go on from it:

>>> import numpy as np
>>> import accessibility as acc
>>> from accessibility.streets import search
>>> from accessibility.streets.search.packing import build_arcs, build_graph
>>> road = acc.Network(node_xy=[(0, 0), (1000, 0)], edges=[(0, 1)], length_m=[1000], crs="EPSG:32649")
>>> walking = road.impedance(acc.Walker())
>>> arcs, graph = build_arcs(road, walking), build_graph(road, walking)
>>> on = {"edge": np.zeros(2, np.int32), "leg": np.zeros(2, np.uint32)}
>>> sites = search.Stops(fraction=np.array([0.0, 1.0]), **on)
>>> people = search.Stops(fraction=np.array([0.4, 0.9]), **on)
>>> found = search.read_labels(graph, search.nearest(graph, sites), sites, people)
>>> [part.tolist() for part in search.split_labels(found)]
[[400000, 100000], [0, 1]]
"""

from __future__ import annotations

from accessibility.streets.search.both import UNKNOWN, Attached, catchments_by_both
from accessibility.streets.search.bounded import Homes, catchments, fill_in
from accessibility.streets.search.multisource import UNREACHED, Stops, nearest, read_labels, split_labels
from accessibility.streets.search.updates import (
    Change,
    Standing,
    close_site,
    drop_sites,
    open_site,
    place_sites,
    stand,
    undo_change,
)

__all__ = ["UNKNOWN", "UNREACHED", "Attached", "Change", "Homes", "Standing", "Stops", "catchments"]
__all__ += ["catchments_by_both", "close_site", "drop_sites", "fill_in", "nearest", "open_site", "place_sites"]
__all__ += ["read_labels", "split_labels", "stand", "undo_change"]
