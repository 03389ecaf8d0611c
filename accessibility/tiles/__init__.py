"""Areas larger than memory: cut once, measured tile by tile on any number of workers, added up to the person."""

from __future__ import annotations
