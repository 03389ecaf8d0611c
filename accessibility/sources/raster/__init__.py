"""Rasters: people, heights, and surfaces written."""
