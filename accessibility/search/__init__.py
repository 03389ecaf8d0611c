"""The shortest-path kernels.

Costs are integers (walking milliseconds or centimetres), nodes are numbered along a Hilbert curve, junctions with few
neighbours are eliminated, arcs are packed in one word (cost above, node below), the queue is a ring of buckets. People
walk from home to a site, so everything searches from the sites on the reversed graph: a label is the cost from that
node *to* the nearest site.

A label is one word, cost above and owner below, so that the smaller word is the nearer site and, of two equally near,
the lower row: the answer does not hang on the order of the search.

Edges where only residents may walk are searched after the streets and apart from them: labels go in from the gates and
never come out again, so whoever lives inside walks out, and nobody passes through. A junction at a gate has two labels.
"""

from __future__ import annotations

from accessibility.search.bounded import catchments
from accessibility.search.multisource import nearest
from accessibility.search.reading import read_labels
from accessibility.search.stops import UNREACHED, Stops, split_labels
from accessibility.search.updates import (
    Change,
    Standing,
    close_site,
    drop_sites,
    open_site,
    place_sites,
    stand,
    undo_change,
)

__all__ = [
    "UNREACHED",
    "Change",
    "Standing",
    "Stops",
    "catchments",
    "close_site",
    "drop_sites",
    "nearest",
    "open_site",
    "place_sites",
    "read_labels",
    "split_labels",
    "stand",
    "undo_change",
]
