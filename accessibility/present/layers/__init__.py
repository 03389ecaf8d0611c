"""Layers and tables as files, with styles."""
