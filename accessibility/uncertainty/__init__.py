"""How sure a figure is: the inputs drawn again and again with their errors, and what that does to the figure."""

from accessibility.uncertainty.bars import Difference, Interval, Uncertainty
from accessibility.uncertainty.changes import Changes, Snapshot, explain_changes
from accessibility.uncertainty.sources import SOURCES, InputErrors

__all__ = ["SOURCES", "Changes", "Difference", "InputErrors", "Interval", "Snapshot", "Uncertainty", "explain_changes"]
