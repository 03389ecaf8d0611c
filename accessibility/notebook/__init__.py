"""The what-if widget: a map to click on in a notebook.

It stands on ipyleaflet, and not on a front end of its own, because then there is no JavaScript to keep: ipyleaflet
brings Leaflet inside its JupyterLab extension, so that nothing is asked of the internet as long as no basemap is added,
and all there is to the widget is Python that a test drives without a browser. Thousands of people are one picture;
only the sites that count are widgets, because they can be dragged, and all others are one layer. The price: a browser
without ipyleaflet's extension (some hosted notebooks) shows the figures and no map.
"""

from accessibility.notebook.curve import Curve, draw_curve

try:
    from accessibility.notebook.whatif import WhatIf
except ModuleNotFoundError as error:
    if error.name not in ("ipyleaflet", "ipywidgets"):
        raise
    _MESSAGE = f"{error.name} is not installed; the what-if widget needs outlet-accessibility[notebook]"
    raise ModuleNotFoundError(_MESSAGE, name=error.name) from error

__all__ = ["Curve", "WhatIf", "draw_curve"]
