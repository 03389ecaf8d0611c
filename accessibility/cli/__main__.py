"""The program: `accessibility`, or ``python -m accessibility.cli``."""

from __future__ import annotations

import gc
import os
import signal

_SELDOM = (500_000, 20, 50)  # objects between two looks for what can be freed: Python's usual 700 take a fifth of a run


def start() -> None:
    """Run the command line; a signal that comes while it is still loading ends the process at once, with its code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os._exit(128 + number))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no matrix here is large, and each thread starts by waiting
    gc.set_threshold(*_SELDOM)
    from accessibility.cli.commands import main  # noqa: PLC0415 -- loading takes a moment, in which a signal may come

    try:
        main()
    finally:
        gc.freeze()  # what is loaded ends with the process: to look for what can be freed took a seventh of a small run


if __name__ == "__main__":
    start()
