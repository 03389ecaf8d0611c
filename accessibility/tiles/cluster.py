"""Tiles on workers: those of this machine, or of a Dask cluster that shares its files."""

from __future__ import annotations

import ctypes
import logging
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accessibility.errors import InputError, OutputError
from accessibility.tiles.cutting import open_cut
from accessibility.tiles.measuring import Tile, measure_tile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from accessibility.tiles.measuring import Asked

_LEAST_ROWS = 1_000  # a tile of so few people that does not fit a worker never will
_ANSWER_S = "30s"


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Who does the work."""

    # address of a Dask scheduler whose workers see the same files; workers of this machine if None
    scheduler: str | None = None
    count: int | None = None  # how many workers of this machine; one a processor if None
    memory: int | None = None  # bytes that they may use together; all there are if None
    processes: bool = True  # whether they are processes of their own; else threads of this one


def parsed_memory(text: str | None) -> int | None:
    """Return the bytes of a size of memory, as ``4GB``; None of none.

    Raises
    ------
    InputError
        No size of memory, or Dask is not installed.
    """
    try:
        from dask.utils import parse_bytes  # noqa: PLC0415
    except ImportError as error:
        msg = "--tiles needs Dask, which is not installed; expected it: pip install 'outlet-accessibility[scale]'"
        raise InputError(msg) from error
    if text is None:
        return None
    try:
        return int(parse_bytes(text))
    except (ValueError, AttributeError) as error:
        msg = f"--memory {text}: no size; expected one such as 4GB"
        raise InputError(msg) from error


def return_memory() -> None:
    """Give memory that is free back to the system: what was taken in small pieces is else kept, by gigabytes."""
    import pyarrow as pa  # noqa: PLC0415

    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError, TypeError):  # of glibc alone
        ctypes.CDLL(None).malloc_trim(0)


def measure_tiles(
    tiles: Sequence[Tile], asked: Asked, workers: Workers, told: Callable[[Tile], None]
) -> dict[Tile, str]:
    """Measure tiles, and return why some could not be.

    A tile whose worker dies is given to another one; one that is too large for a worker's memory is halved. What
    fails on one tile leaves the others alone.

    Parameters
    ----------
    tiles
        What is to be done.
    asked
        What is asked of each.
    workers
        Who does it.
    told
        Called with every tile that is done.

    Raises
    ------
    InputError
        No scheduler at the address.
    OutputError
        Workers that cannot be started, results that cannot be written, or a cluster that went away: what is done is
        kept.
    """
    failed: dict[Tile, str] = {}
    if not tiles:
        return failed
    import distributed as given  # noqa: PLC0415 -- only where tiles are measured

    distributed: Any = given  # which has no types
    with _client(workers) as client:

        def submit(tile: Tile) -> Any:  # without its cut: a country's names, once for each tile, take gigabytes
            rows = {"first": tile.first, "last": tile.last, "folder": tile.folder}
            return client.submit(_measure_there, measure_tile, tile.cut.folder, rows, asked, pure=False)

        of: dict[Any, Tile] = {submit(tile): tile for tile in tiles}
        waiting: Any = distributed.as_completed(of, loop=client.loop)
        for future in waiting:
            tile = of.pop(future)
            error = _error_of(future)
            if error is None:
                told(tile)
            elif isinstance(error, distributed.KilledWorker) and tile.last - tile.first > _LEAST_ROWS:
                again = {submit(half): half for half in tile.halves()}
                of |= again
                waiting.update(again)
            else:
                failed[tile] = _reason(error, client)
    return failed


def _measure_there(measure: Callable[[Tile, Asked], object], cut: Path, tile: Mapping[str, Any], asked: Asked) -> None:
    measure(Tile(cut=open_cut(cut), **tile), asked)


def _error_of(future: Any) -> BaseException | None:
    """Return what went wrong with a tile; None where nothing did."""
    from distributed.client import FutureCancelledError  # noqa: PLC0415

    if future.status == "cancelled":
        return FutureCancelledError(future.key, "its cluster went away")
    error: BaseException | None = future.exception()
    return error


def _reason(error: BaseException, client: Any) -> str:
    """Return why a tile could not be measured, and the others can; raise what concerns them all."""
    import distributed  # noqa: PLC0415
    from distributed.client import FutureCancelledError  # noqa: PLC0415

    if isinstance(error, FutureCancelledError) or (isinstance(error, OSError) and client.status != "running"):
        msg = f"the cluster went away ({error}); expected it to stay; what is done is kept: run the same again"
        raise OutputError(msg) from error
    if isinstance(error, distributed.KilledWorker):
        return "its worker died again and again, of too little memory?"
    if isinstance(error, (OSError, ValueError, InputError)) and not isinstance(
        error, OutputError
    ):  # pyarrow's own among them
        return str(error)
    raise error


@contextmanager
def _client(workers: Workers) -> Iterator[Any]:
    import dask.system  # noqa: PLC0415
    import distributed as given  # noqa: PLC0415

    distributed: Any = given  # which has no types

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # failures are told once, in our own words
    settings = {"distributed.scheduler.allowed-failures": 2, "distributed.comm.timeouts.connect": _ANSWER_S}
    with dask.config.set(settings):
        if workers.scheduler is not None:
            try:
                client = distributed.Client(workers.scheduler, set_as_default=False)
            except (OSError, ValueError) as error:
                msg = f"--scheduler {workers.scheduler}: no answer ({error}); expected the address of a Dask scheduler"
                raise InputError(msg) from error
            with client:
                yield client
            return
        count = workers.count or dask.system.CPU_COUNT
        memory = distributed.system.MEMORY_LIMIT if workers.memory is None else workers.memory
        try:
            cluster = distributed.LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=workers.processes,
                memory_limit=memory // count,
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": ":0"},  # any free port: two clusters here want the same one
                silence_logs=logging.CRITICAL,
            )
        except (RuntimeError, OSError) as error:
            msg = f"no worker could be started ({error}); expected memory for {count} of them: --workers takes fewer"
            raise OutputError(msg) from error
        with cluster, distributed.Client(cluster, set_as_default=False) as client:
            yield client
