"""The what-if widget: the page of a study in a cell of a notebook, answered by the kernel.

It is the front end of the map file and of ``accessibility serve``, script by script; anywidget brings it into
JupyterLab and other notebooks, and nothing is asked of the internet.
"""

from accessibility.present.charts import Curve, draw_curve

try:
    from accessibility.notebook.whatif import WhatIf
except ModuleNotFoundError as error:
    if error.name != "anywidget":
        raise
    _MESSAGE = f"{error.name} is not installed; the what-if widget needs outlet-accessibility[notebook]"
    raise ModuleNotFoundError(_MESSAGE, name=error.name) from error

__all__ = ["Curve", "WhatIf", "draw_curve"]
