"""The arguments and options that several commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from accessibility.wording import Language

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study: its inputs and settings.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Number of threads; all processors if not given.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")]
Json = Annotated[bool, typer.Option("--json", help="The totals as JSON on standard output.")]
Basemap = Annotated[
    bool, typer.Option("--basemap", help="Online OpenStreetMap tiles under the map (needs the internet).")
]
Lang = Annotated[
    Literal["en", "zh", "both"] | None,
    typer.Option("--lang", help="Language of map, report and workbook (English if not given) and of the terminal."),
]
Spoken = Annotated[Language | None, typer.Option("--lang", help="Language of what is said; the system's if not given.")]
Shapefile = Annotated[bool, typer.Option("--shapefile", help="Also write the layers as Shapefiles.")]
Geotiff = Annotated[bool, typer.Option("--geotiff", help="Also write walking minutes as a GeoTIFF.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Also write into a folder of other files; keep no earlier proposal.")
]
Timings = Annotated[
    bool,
    typer.Option("--timings", help="Print seconds and memory of each stage at the end; the manifest has them, too."),
]
Tiles = Annotated[
    bool, typer.Option("--tiles", help="Tables alone, in tiles: for an area larger than memory; goes on if stopped.")
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Of --tiles: a Dask scheduler, such as tcp://host:8786.")
]
Memory = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Of --tiles: memory for all workers here, such as 4GB.")
]
Model = Literal["mclp", "lscp", "p-median", "p-center", "max-min", "backup", "relocation"]
