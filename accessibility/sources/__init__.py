"""Readers: the only modules that touch foreign formats."""
