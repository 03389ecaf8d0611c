"""The data-quality gate: every finding on a study's inputs, and what each is worth in points of coverage."""

from accessibility.quality.gate import QUALITY_COLUMNS, Quality, measure_at_nodes, measure_quality
from accessibility.quality.impact import WeighedFinding

__all__ = ["QUALITY_COLUMNS", "Quality", "WeighedFinding", "measure_at_nodes", "measure_quality"]
