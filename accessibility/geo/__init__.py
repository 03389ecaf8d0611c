"""Coordinates and arrays: reference systems, lengths on the ellipsoid, and checks at the door of a type."""
