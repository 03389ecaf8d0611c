"""Chinese map coordinates under the name that readers of tables know them by; see `accessibility.geo.datums`."""

from accessibility.geo.datums import DATUMS, from_wgs84, to_wgs84

__all__ = ["DATUMS", "from_wgs84", "to_wgs84"]
