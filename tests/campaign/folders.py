"""The campaign of forged folders: what is changed in a run's folder is found, and named, by `verify`.

`python tests/campaign/folders.py --forgeries 500`: a run of the town by each model, and each other command, and of that
folder a copy at a time with one thing forged: an entry of the manifest, a cell, row or column of a table or layer, a
figure in the report, the workbook, or wherever it stands, a file that is gone, swapped, cut short, a link or an older
run's. Every other forger also lists the new hash, so that only what the file says can betray it. A change ends found
and named; not named; missed; or with an error.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import zipfile
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

sys.path[:0] = [str(Path(__file__).parent)]

import geopandas as gpd
import pandas as pd
from doors import build_town
from faults import Faults
from shapely.affinity import translate

from accessibility.cli import tiling, verifying
from accessibility.cli.comparing import run_compare
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover, run_site
from accessibility.cli.tiling import Tiling, run_tiles
from accessibility.cli.verifying import run_verify
from accessibility.present.manifest import list_files
from accessibility.study.proposing import Question
from accessibility.tiles.measuring import measure_tile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accessibility.cli.verification import Verdict

ASKED: dict[str, dict[str, Any]] = {
    "mclp": {"budget": 6.0},
    "lscp": {"model": "lscp"},
    "partial": {"reach": 0.9},
    "p-median": {"model": "p-median", "sites": 2},
    "p-center": {"model": "p-center", "sites": 2},
    "max-min": {"model": "max-min", "sites": 2},
    "backup": {"model": "backup", "sites": 2},
    "relocation": {"model": "relocation", "sites": 1, "close": 1},
    "infeasible": {"budget": 0.0, "floor": 1.0},
}
UNCHECKED = ("seconds", "environment")
"""Entries that another machine has otherwise; `verify` says that it does not prove them."""
_QUESTION = "siting.question."
"""Entries that may be told otherwise where the answer is the same, and is proved: the plan then answers that, too."""
_STRANGE: tuple[Any, ...] = (None, "x", -1, [], {}, True)
_FILE_OF = {"geotiff": "walk_minutes.tif|geotiff"}


def _propose(asked: dict[str, Any], study: Path, out: Path, options: Options) -> None:
    run_site(study, Question(**asked), out, options, Silence())


def _cover(study: Path, out: Path, options: Options) -> None:
    run_cover(study, out, replace(options, shapefile=True, geotiff=True), Silence())


def _compare(study: Path, out: Path, options: Options) -> None:
    scenarios = study.with_name("scenarios.toml")
    scenarios.write_text('[[scenario]]\nname = "bank"\nopen = ["B1"]\n[[scenario]]\nname = "none"\n', encoding="utf-8")
    run_compare(study, scenarios, out, replace(options, layers=True), Silence())


def _tile(question: Question | None, study: Path, out: Path, options: Options) -> None:
    run_tiles(study, out, options, Tiling.of(options), Silence(), question)


RUNS: dict[str, Callable[[Path, Path, Options], None]] = {
    **{name: partial(_propose, asked) for name, asked in ASKED.items()},
    "cover": _cover,
    "compare": _compare,
    "tiles": partial(_tile, None),
    "site over tiles": partial(_tile, Question(budget=6.0)),
}


def _measure_here(tiles: list[Any], asked: Any, _: Any, told: Callable[[Any], object]) -> dict[Any, str]:
    """Measure tiles in this process: no cluster for a town of five places."""
    for tile in tiles:
        told(measure_tile(tile, asked))
    return {}


class Bench:
    """A run of a town, what the same question gives again, and the cache."""

    def __init__(self, folder: Path, run: str, seed: int = 1) -> None:
        self.folder, self.cache, self.out = folder, folder / "cache", folder / "town" / "out"
        self.study = build_town(folder / "town", random.Random(seed)).study
        RUNS[run](self.study, self.out, Options(cache=self.cache))
        self._again: dict[Any, Any] = {}

    def verify(self, folder: Path) -> Verdict:
        """Return the verdict on a folder; each question is asked again once, for all its forgeries."""
        repeat = verifying._repeat

        def once(files: Any, told: Any, again: Path, asked: Options, progress: Any) -> Any:
            key = (told.command, told.date, told.siting and told.siting.question, tuple(told.options))
            if key not in self._again:
                place = self.folder / f"again-{len(self._again)}"
                self._again[key] = (place, repeat(files, told, place, asked, progress))
            shutil.copytree(self._again[key][0], again)
            return self._again[key][1]

        verifying._repeat = once
        try:
            return run_verify(folder, Options(cache=self.cache), Silence())
        finally:
            verifying._repeat = repeat

    def forged(self) -> Path:
        """Return a fresh copy of the folder to forge."""
        folder = self.out.with_name("forged")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.out, folder)
        return folder


def forge(folder: Path, draw: random.Random) -> tuple[str, str]:
    """Forge one thing; return what, and by which name the verdict has to tell it; empty where nothing is to be told."""
    there = {kind: weight for kind, (_, weight, suffix) in FORGERS.items() if any(folder.rglob(f"*{suffix}"))}
    kind = draw.choices(list(there), list(there.values()))[0]
    what, name = FORGERS[kind][0](folder, draw)
    if (folder / name).is_file() and kind not in ("manifest", "files", "figure") and draw.random() < 0.5:
        listed = list_files(folder)
        _rewrite(folder, lambda told: told["files"].update({name: listed[name]}))
        what += ", listed anew"
    return f"{kind}: {what}", name


def _rewrite(folder: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "manifest.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    edit(told)
    path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def _other(value: Any, draw: random.Random) -> Any:
    """Return another value, mostly of the same type."""
    if draw.random() < 0.1:
        return draw.choice([v for v in _STRANGE if v != value or type(v) is not type(value)])
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return draw.choice([value + 1, -value - 1, value * 1.01 + 1e-3, value * 2 + 0.5, 0 if value else 7])
    if isinstance(value, str):
        return draw.choice([f"{value}x", f"x{value}", "另外"])
    if isinstance(value, list):
        return [*value, copy.deepcopy(value[-1]) if value else "x"] if draw.random() < 0.5 or not value else value[1:]
    return {**value, "unheard of": 1} if isinstance(value, dict) else "x"


def _entries(told: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each entry of a manifest, those of its inner tables too."""
    inside = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    for key, value in inside:
        yield (*path, key)
        yield from _entries(value, (*path, key))


def _forge_manifest(folder: Path, draw: random.Random) -> tuple[str, str]:
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    table = draw.choices([None, "siting"], [1, 3])[0]
    ways = [way for way in _entries(told) if table in (None, way[0]) and way[0] not in UNCHECKED]
    way = draw.choice(ways)
    inner = told
    for key in way[:-1]:
        inner = inner[key]
    how = draw.random()
    if how < 0.1 and isinstance(inner, dict):
        del inner[way[-1]]
        did = "gone"
    elif how < 0.2 and isinstance(inner, dict):
        inner[f"{way[-1]}x"] = inner.pop(way[-1])
        did = "renamed"
    else:
        inner[way[-1]] = _other(inner[way[-1]], draw)
        did = f"now {inner[way[-1]]!r}"[:60]
    (folder / "manifest.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return f"{'.'.join(map(str, way))} {did}", _name_of(way)


def _name_of(way: tuple[Any, ...]) -> str:
    """Return by which name a verdict tells an entry: its own, that of a file, or that of what a path or question is."""
    if way[0] == "files" and len(way) > 1:
        return str(way[1])
    if str(way[-1]) in _FILE_OF:
        return _FILE_OF[str(way[-1])]
    if "question" in way:
        return "siting|report"  # another question has the same answer, and a report that says what was asked
    if way[0] in ("study_file", "scenario_file"):
        return str(way[0]).removesuffix("_file")
    return next(str(key) for key in reversed(way) if isinstance(key, str))


def _one(folder: Path, draw: random.Random, *suffixes: str) -> tuple[Path, str]:
    """Return a file of the run, and its name there."""
    path = draw.choice(sorted(path for path in folder.rglob("*") if path.suffix in suffixes and path.is_file()))
    return path, path.relative_to(folder).as_posix()


def _forge_csv(folder: Path, draw: random.Random) -> tuple[str, str]:
    path, name = _one(folder, draw, ".csv")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    frame, what = _forge_frame(frame, draw)
    frame.to_csv(path, index=False, encoding="utf-8-sig")
    return f"{name} {what}", name


def _forge_figure(folder: Path, draw: random.Random) -> tuple[str, str]:
    """Forge a figure of a table wherever it stands, and list all anew: nothing in the folder says otherwise."""
    path, name = _one(folder, draw, ".csv")
    figures = re.findall(r"(?<=,)[1-9]\d+(?:\.\d+)?(?=[,\r\n])", path.read_text(encoding="utf-8-sig"))
    if not figures:
        return _forge_csv(folder, draw)
    old = draw.choice(figures)
    new, whole = str(int(old[0]) % 9 + 1) + old[1:], re.compile(rf"(?<![\d.]){re.escape(old)}(?![\d.])")
    for one in folder.rglob("*"):
        if one.suffix in (".csv", ".html"):
            text = one.read_bytes().decode()
            one.write_bytes(whole.sub(new, text).encode())
    told = whole.sub(new, (folder / "manifest.json").read_text(encoding="utf-8"))
    (folder / "manifest.json").write_text(told, encoding="utf-8")
    listed = list_files(folder)
    _rewrite(folder, lambda told: told["files"].update({one: listed[one] for one in told["files"]}))
    return f"{old} to {new} wherever it stands", name


def _forge_frame(frame: Any, draw: random.Random) -> tuple[Any, str]:
    """Return a table with one thing changed, and what."""
    column = draw.choice([name for name in frame.columns if name != "geometry"])
    rows = list(range(len(frame)))
    if rows and draw.random() < 0.5:
        return _forge_cell(frame, column, draw.choice(rows), draw)
    if rows and "geometry" in frame.columns and draw.random() < 0.2 and frame.geometry.notna().all():
        at = draw.choice(frame.index.tolist())
        frame.loc[at, "geometry"] = translate(frame.geometry[at], 1e-4)
        return frame, f"row {at} moved"
    one = draw.choice(rows) if rows else 0
    turned = {"without a row": [k for k in rows if k != one], "with a row twice": [*rows, one]}
    if rows and not frame.iloc[0].equals(frame.iloc[-1]):
        turned["with its rows turned"] = [*rows[1:], 0]
    how = draw.choice([*turned, "without a column", "with a column renamed"] if rows else ["without a column"])
    if how in turned:
        return frame.iloc[turned[how]], how
    gone = how == "without a column"
    return (frame.drop(columns=[column]) if gone else frame.rename(columns={column: f"{column}_2"})), f"{how}, {column}"


def _forge_cell(frame: Any, column: str, row: int, draw: random.Random) -> tuple[Any, str]:
    old = frame[column].iloc[row]
    new = _cell(old, draw)
    frame[column] = [new if k == row else value for k, value in enumerate(frame[column].tolist())]
    return frame, f"{column} of row {row}: {old!r} to {new!r}"[:90]


def _cell(old: Any, draw: random.Random) -> Any:
    """Return another content of a cell."""
    if str(old) in ("True", "False"):
        return str(str(old) == "False") if isinstance(old, str) else not old
    try:
        number = float(old)
    except (TypeError, ValueError):
        return f"{old}x" if isinstance(old, str) else "x"
    if number != number:  # noqa: PLR0124 -- no number
        return 1.0
    other = draw.choice([number + 1, number * 1.001 + 1e-4, -number - 1])
    return str(other) if isinstance(old, str) else type(old)(other) if float(type(old)(other)) != number else number + 1


def _forge_parquet(folder: Path, draw: random.Random) -> tuple[str, str]:
    path, name = _one(folder, draw, ".parquet")
    frame = gpd.read_parquet(path)
    if draw.random() < 0.1:
        frame = frame.set_crs("EPSG:4490", allow_override=True)
        what = "in another coordinate system"
    else:
        frame, what = _forge_frame(frame, draw)
    frame.to_parquet(path, index=False)
    return f"{name} {what}", name


def _forge_layers(folder: Path, draw: random.Random) -> tuple[str, str]:
    path, _ = _one(folder, draw, ".gpkg")
    if draw.random() < 0.5:
        layers = gpd.list_layers(path)
        layer = draw.choice(layers["name"][layers["geometry_type"].notna()].tolist())
        frame, what = _forge_frame(gpd.read_file(path, layer=layer), draw)
        frame.to_file(path, layer=layer, driver="GPKG")
        return f"{path.name} {layer} {what}", path.name
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA ignore_check_constraints = ON")
        tables = [name for (name,) in base.execute("SELECT table_name FROM gpkg_contents")]
        table = draw.choice(tables)
        statement, given = draw.choice(
            [
                ("UPDATE gpkg_contents SET identifier = 'Another', description = 'x' WHERE table_name = ?", (table,)),
                ("UPDATE gpkg_geometry_columns SET srs_id = 0", ()),
                ("UPDATE gpkg_spatial_ref_sys SET definition = 'LOCAL_CS[\"x\"]' WHERE srs_id > 0", ()),
                ("UPDATE layer_styles SET styleQML = replace(styleQML, '0', '1')", ()),
                ("UPDATE layer_styles SET styleName = 'x'", ()),
                ("DELETE FROM layer_styles", ()),
                ("DELETE FROM gpkg_contents WHERE table_name = ?", (table,)),
                ("CREATE TABLE extra (a INTEGER)", ()),
            ]
        )
        base.execute(statement, given)
    base.close()
    return f"{path.name} {statement[:70]} {given}", path.name


def _forge_proof(folder: Path, draw: random.Random) -> tuple[str, str]:
    """Take away or spoil evidence; where it does not matter to the bound, there is nothing to be told."""
    path = folder / "proof.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    by = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["siting"]["bound_by"]
    spoilt: dict[str, Any] = {
        "no table": [],
        "unheard price": {**told, "prices": {**told["prices"], "x": 1.0}},
        "price below 0": {**told, "prices": {**told["prices"], "cost": -1.0}},
        "short": {**told, "short_people": {"nowhere": 3.0}},
        "multipliers": {**told, "multipliers": [-1.0]},
        "tree": {**told, "trees": [{}]},
    }
    if by == "certificate":
        spoilt["no multipliers"] = {**told, "multipliers": None}
    if by == "tree":
        spoilt["no trees"] = {**told, "trees": []}
    what = draw.choice(list(spoilt))
    path.write_text(json.dumps(spoilt[what]), encoding="utf-8")
    return f"{path.name} {what}", path.name


def _forge_text(folder: Path, draw: random.Random) -> tuple[str, str]:
    _, name = _one(folder, draw, ".html")
    text = (folder / name).read_text(encoding="utf-8")
    at = draw.choice([k for k, sign in enumerate(text) if sign.isdigit()])
    new = str((int(text[at]) + draw.randrange(1, 10)) % 10) if text[at].isascii() else "x"
    (folder / name).write_text(text[:at] + new + text[at + 1 :], encoding="utf-8", newline="")
    return f"{name} {text[at - 20 : at + 5]!r} with {new}", name


def _forge_workbook(folder: Path, draw: random.Random) -> tuple[str, str]:
    path, _ = _one(folder, draw, ".xlsx", ".docx")
    with zipfile.ZipFile(path) as book:
        members = [(info, book.read(info.filename)) for info in book.infolist()]
    place = draw.choice([k for k, (_, content) in enumerate(members) if any(48 <= sign < 58 for sign in content)])
    info, content = members[place]
    how = draw.random()
    if how < 0.1:
        del members[place]
    elif how < 0.2:
        members.append((zipfile.ZipInfo("xl/extra.xml"), b"<x/>"))
    else:
        at = draw.choice([k for k, sign in enumerate(content) if 48 <= sign < 58])
        members[place] = (info, content[:at] + bytes([48 + (content[at] - 47) % 10]) + content[at + 1 :])
    with zipfile.ZipFile(path, "w") as forged:
        for one, inside in members:
            forged.writestr(one, inside)
    return f"{path.name} {info.filename}", path.name


def _forge_files(folder: Path, draw: random.Random) -> tuple[str, str]:
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != "manifest.json")
    name, other = draw.sample(names, 2)
    path = folder / name
    how = draw.choice(["gone", "swapped", "older", "unlisted", "manifest", *_SPOILERS])
    if how in _SPOILERS:
        _SPOILERS[how](path)
    elif how == "swapped":
        one, two = path.read_bytes(), (folder / other).read_bytes()
        path.write_bytes(two)
        (folder / other).write_bytes(one)
        listed = list_files(folder)
        _rewrite(folder, lambda told: told["files"].update({n: listed[n] for n in (name, other)}))
    elif how == "older":
        name = draw.choice(["walk_minutes.tif", "compare.csv", "differences.csv"])
        (folder / name).write_text("old")
    elif how == "manifest":
        name = "manifest.json"
        (folder / name).write_text(draw.choice(["", "{", "[]", "{}", '{"totals": NaN}']))
    else:
        path.unlink()
        _rewrite(folder, lambda told: told["files"].pop(name) if how == "unlisted" else None)
    return f"{name} {how}", name


def _link(path: Path) -> None:
    path.rename(path.parents[1] / f"elsewhere-{path.name}")
    path.symlink_to(path.parents[1] / f"elsewhere-{path.name}")


def _fold(path: Path) -> None:
    path.unlink()
    path.mkdir()


_SPOILERS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "link": _link,
    "folder": _fold,
    "renamed": lambda path: path.rename(path.with_name(f"{path.name}.old")),
}
FORGERS: dict[str, tuple[Callable[[Path, random.Random], tuple[str, str]], int, str]] = {  # how, how often, of what
    "manifest": (_forge_manifest, 8, ".json"),
    "csv": (_forge_csv, 5, ".csv"),
    "figure": (_forge_figure, 2, ".csv"),
    "parquet": (_forge_parquet, 2, ".parquet"),
    "layers": (_forge_layers, 3, ".gpkg"),
    "text": (_forge_text, 1, ".html"),
    "workbook": (_forge_workbook, 1, ".xlsx"),
    "files": (_forge_files, 3, ""),
    "proof": (_forge_proof, 3, "proof.json"),
}


@patch.object(tiling, "measure_tiles", _measure_here)
def run_folders(count: int, runs: tuple[str, ...] = tuple(RUNS), seed: int = 1) -> Faults:
    """Forge so many folders, spread over the runs; return what was found."""
    faults = Faults()
    for number, run in enumerate(runs):
        with tempfile.TemporaryDirectory(prefix="campaign-") as place:
            bench = Bench(Path(place), run, seed)
            verdict = bench.verify(bench.out)
            faults.hold(f"{run}, as it was", f"{verdict.lines}", true=verdict.equal)
            for at in range(number, count, len(runs)):
                folder = bench.forged()
                what, name = forge(folder, random.Random(1_000_003 * seed + at))
                try:
                    verdict = bench.verify(folder)
                    missed = verdict.equal and not (_QUESTION in what and verdict.proved)
                    named = any(one in "\n".join(verdict.lines) for one in name.split("|"))
                    end = "missed" if missed else "" if verdict.equal or named else "not named"
                except Exception as error:  # noqa: BLE001 -- an error is a row of the table
                    end = f"{type(error).__name__}: {error}"[:200]
                faults.hold(what.split(":")[0], f"{end} ({run}, {at}): {what}", true=not end)
    return faults


def main() -> int:
    """Run the campaign and print its table; return 1 where a forgery was not found or not named."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--forgeries", type=int, default=500)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("runs", nargs="*", default=tuple(RUNS))
    given = ask.parse_args()
    found = run_folders(given.forgeries, tuple(given.runs), given.seed)
    print(found.text())
    print(Counter(failure.split(": ")[1].split(" (")[0] for failure in found.failures))
    return int(bool(found.failures))


if __name__ == "__main__":
    sys.exit(main())
