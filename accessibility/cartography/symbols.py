"""How a site looks on a map: a shape and an ink a kind, filled where it counts, hollow where it does not."""

from __future__ import annotations

SHAPES = {
    "outlet": '<circle cx="8" cy="8" r="5.4"/>',
    "bank": '<rect x="3" y="3" width="10" height="10"/>',
    "new": '<path d="M8 1.6 14.4 8 8 14.4 1.6 8Z"/>',
}
INKS = {"outlet": "#111d26", "bank": "#7b1fa2", "new": "#00695c"}


def site_svg(kind: str, *, is_open: bool) -> str:
    """Return the symbol of a kind of site, 16 pixels wide, to stand in a page."""
    return (
        f'<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" {site_paint(kind, is_open=is_open)}>'
        f"{SHAPES[kind]}</svg>"
    )


def site_paint(kind: str, *, is_open: bool) -> str:
    """Return fill and stroke of a kind of site as attributes of SVG."""
    ink = INKS[kind]
    fill, stroke = (ink, "#fff") if is_open else ("#fff", ink)
    return f'fill="{fill}" stroke="{stroke}" stroke-width="{1.4 if is_open else 2}"'


PIN = (
    '<svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">'
    '<circle cx="11" cy="11" r="9.4" fill="#fff" stroke="#08519c" stroke-width="2.6"/></svg>'
)
"""A site of a proposal; the page writes its rank into it."""
