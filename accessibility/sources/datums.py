"""Chinese map coordinates under the name that readers of tables know them by; see `accessibility.geo.projection`."""

from accessibility.geo.projection import DATUMS, from_wgs84, to_wgs84

__all__ = ["DATUMS", "from_wgs84", "to_wgs84"]
