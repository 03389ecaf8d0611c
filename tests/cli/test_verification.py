"""A run is proved again from its inputs, or not: every file, every figure, every word of its manifest."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zipfile
from contextlib import closing
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
from shapely import Point
from tileworlds import here

from accessibility import InputError
from accessibility.cli import tiling, verifying
from accessibility.cli.comparing import run_compare
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_site
from accessibility.cli.tiling import Tiling, run_tiles
from accessibility.cli.verification import Comparison, read_told, recorded_file, same_content
from accessibility.cli.verifying import run_verify
from accessibility.study.proposing import Question

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from accessibility.cli.verification import Verdict


@pytest.fixture
def run(town: Path, cache: Path) -> Path:
    """Return the folder of a proposal beside its study, made on another day."""
    folder = town.parent / "out" / "street"
    run_site(town, Question(budget=1.0), folder, Options(cache=cache, date="2026-01-31"), Silence())
    return folder


def verify(folder: Path, cache: Path, **where: Path) -> Verdict:
    return run_verify(folder, Options(cache=cache), Silence(), **where)


def change(folder: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    edit(told)
    (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")


def relist(folder: Path, name: str) -> None:
    """Give a file that was tampered with its own hash in the list: only what it says can betray it."""
    from accessibility.present.manifest import list_files  # noqa: PLC0415

    change(folder, lambda told: told["files"].update({name: list_files(folder)[name]}))


def edit_text(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8", newline="")
    relist(folder, name)


def edit_parquet(folder: Path) -> None:
    table = gpd.read_parquet(folder / "demand.parquet")
    table.loc[0, "covered"] = ~table.loc[0, "covered"]
    table.to_parquet(folder / "demand.parquet", index=False)
    relist(folder, "demand.parquet")


def edit_layer(folder: Path) -> None:
    table = gpd.read_file(folder / "coverage.gpkg", layer="outlets")
    table.loc[0, "name"] = "Another"
    table.to_file(folder / "coverage.gpkg", layer="outlets", driver="GPKG")
    relist(folder, "coverage.gpkg")


def edit_workbook(folder: Path) -> None:
    path, other = folder / "report.xlsx", folder / "other.xlsx"
    with zipfile.ZipFile(path) as book, zipfile.ZipFile(other, "w") as forged:
        for name in book.namelist():
            forged.writestr(name, book.read(name).replace(b"270", b"277"))
    other.replace(path)
    relist(folder, "report.xlsx")


def forget_table(folder: Path) -> None:
    (folder / "districts.csv").unlink()
    change(folder, lambda told: told["files"].pop("districts.csv"))


def make_link(folder: Path, name: str = "sites.csv") -> None:
    (folder / name).rename(folder.parent / name)
    (folder / name).symlink_to(folder.parent / name)


def add_evidence(folder: Path) -> None:
    told = json.loads((folder / "proof.json").read_text(encoding="utf-8"))
    (folder / "proof.json").write_text(json.dumps({**told, "approved": True}), encoding="utf-8")
    relist(folder, "proof.json")


def test_a_run_follows_from_its_inputs_on_another_day_and_moves_with_its_study(
    run: Path, town: Path, cache: Path, tmp_path: Path
) -> None:
    told = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert told["study_file"]["path"] == "../../study.toml"
    assert {path.name for path in run.iterdir()} == {*told["files"], "manifest.json"}
    verdict = verify(run, cache)
    assert verdict.equal, verdict.lines
    assert {c.name for c in verdict.comparisons} >= {"totals.covered", "sensitivity.0.8", "siting.bound"}
    assert "its objective 270" in verdict.proved[0]
    assert "its bound 270 (optimal), by a dual certificate" in verdict.proved[1]
    assert verdict.beside == ()
    elsewhere = tmp_path / "moved"
    elsewhere.mkdir()
    for item in list(town.parent.iterdir()):
        if item != elsewhere:
            shutil.move(item, elsewhere / item.name)
    assert verify(elsewhere / "out" / "street", cache).equal


TAMPERED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "bound": (lambda f: change(f, lambda t: t["siting"].update(bound=1e9)), "siting.bound: NOT EQUAL"),
    "bound, proved": (
        lambda f: change(f, lambda t: t["siting"].update(bound=1e9, gap=1e9 / 270 - 1, status="feasible")),
        "proposal: the plan is called feasible, and its search ended by proof",
    ),
    "spoilt": (lambda f: change(f, lambda t: t["siting"].update(gap="none")), "siting.gap: found 'none'"),
    "objective": (lambda f: change(f, lambda t: t["siting"].update(objective=280.0)), "siting.objective: NOT EQUAL"),
    "question": (lambda f: change(f, lambda t: t["siting"]["question"].update(budget=3.0)), "siting.selected"),
    "question's model": (
        lambda f: change(f, lambda t: t["siting"]["question"].update(model="none")),
        "siting.question.model: 'none' was asked for, the proposal is of 'mclp'",
    ),
    "no plan": (lambda f: change(f, lambda t: t.update(siting=None, command="cover")), "sites.csv: does not follow"),
    "a total": (lambda f: change(f, lambda t: t["totals"].update(covered=31.0)), "the run told 31, found again 30"),
    "an empty entry gone": (
        lambda f: change(f, lambda t: t["siting"].pop("time_limit_s")),
        "siting.time_limit_s: NOT EQUAL, the run told no such entry, found again no value",
    ),
    "a site twice": (
        lambda f: change(f, lambda t: t["siting"].update(selected=["B1", "B1"])),
        "siting.selected.1: NOT EQUAL",
    ),
    "approved": (
        lambda f: change(f, lambda t: t.update(approved=None)),
        'entries: NOT EQUAL, the run told ["approved", "',
    ),
    "scenarios of a proposal": (
        lambda f: change(f, lambda t: t.update(scenario_file=t["study_file"])),
        "entries: NOT EQUAL",
    ),
    "seconds": (lambda f: change(f, lambda t: t.update(seconds="approved")), "seconds: found 'approved'"),
    "stages": (lambda f: change(f, lambda t: t.update(timings=[{"stage": "x"}])), "timings.0.cpu_s: required"),
    "versions": (lambda f: change(f, lambda t: t["environment"].update(numpy="approved")), "environment.numpy: found"),
    "one more version": (
        lambda f: change(f, lambda t: t["environment"].update(excel="16.0")),
        'environment: NOT EQUAL, the run told ["excel", ',
    ),
    "an idle option": (lambda f: change(f, lambda t: t["options"].update(layers=True)), "options.layers: NOT EQUAL"),
    "a warning": (lambda f: change(f, lambda t: t.update(warnings=["all is well"])), "warnings.0: NOT EQUAL"),
    "deleted": (lambda f: (f / "districts.csv").unlink(), "districts.csv: is missing"),
    "deleted and not listed": (
        forget_table,
        "districts.csv: such a run writes it, but it is not listed",
    ),
    "brief": (lambda f: edit_text(f, "brief.html", "270", "277"), "brief.html: does not follow"),
    "report": (lambda f: edit_text(f, "report.html", "270", "277"), "report.html: does not follow"),
    "report with its old hash": (lambda f: (f / "report.html").write_text("x"), "report.html: has changed"),
    "one row": (lambda f: edit_text(f, "districts.csv", "Street,310,", "Street,311,"), "districts.csv: does not"),
    "a site": (lambda f: edit_text(f, "sites.csv", "Bank", "Bench"), "sites.csv: does not follow"),
    "people": (edit_parquet, "demand.parquet: does not follow"),
    "a layer": (edit_layer, "coverage.gpkg: does not follow"),
    "workbook": (edit_workbook, "report.xlsx: does not follow"),
    "of an older run": (lambda f: (f / "walk_minutes.tif").write_text("old"), "bears a result's name"),
    "a link": (
        make_link,
        "sites.csv: is missing, or no plain file",
    ),
    "the list is a link": (
        lambda f: make_link(f, "manifest.json"),
        "manifest.json: is missing, or no plain file",
    ),
    "evidence beside the evidence": (
        add_evidence,
        "proof.json: no evidence",
    ),
}  # fmt: skip


def test_every_kind_of_tampering_is_found(run: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One folder for all: what a run repeats is the same each time, so it is computed once for each question."""
    kept: dict[Any, Any] = {}
    repeat = verifying._repeat

    def once(files: Any, told: Any, again: Path, *rest: Any) -> Any:
        key = (told.command, told.siting and told.siting.question)
        place = run.parent / f"again-{len(kept)}"
        if key not in kept:
            kept[key] = (place, repeat(files, told, place, *rest))
        shutil.copytree(kept[key][0], again)
        return kept[key][1]

    monkeypatch.setattr(verifying, "_repeat", once)
    for name, (tamper, said) in TAMPERED.items():
        folder = run.with_name("tampered")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(run, folder)
        tamper(folder)
        verdict = verify(folder, cache)
        assert not verdict.equal, name
        assert said in "\n".join(verdict.lines), (name, verdict.lines)


def test_a_changed_input_is_named_and_both_numbers_are_told(run: Path, town: Path, cache: Path) -> None:
    outlets = town.parent / "outlets.csv"
    outlets.write_text(outlets.read_text(encoding="utf-8") + "O2,Second,108.2104197,30.5\n", encoding="utf-8")
    verdict = verify(run, cache)
    assert not verdict.equal
    assert "outlets: outlets.csv has changed since the run" in verdict.changed
    assert "totals.covered: NOT EQUAL, the run told 30, found again 150" in verdict.lines
    outlets.unlink()
    gone = verify(run, cache)
    assert (gone.equal, gone.comparisons) == (False, ())
    assert "outlets.csv" in gone.changed[0]
    assert gone.to_dict()["figures"] == []


def test_what_lies_beside_a_run_is_told_and_a_study_elsewhere_can_be_named(
    run: Path, town: Path, cache: Path, tmp_path: Path
) -> None:
    (run / "notes.txt").write_text("mine")
    (run / "more").symlink_to(town.parent)
    alone = tmp_path / "alone" / "deep" / "run"
    shutil.copytree(run, alone, symlinks=True)
    pq.write_table(pq.read_table(run / "demand.parquet"), alone / "demand.parquet", compression="gzip")
    relist(alone, "demand.parquet")
    assert verify(alone, cache).changed[0].startswith("study file: ")
    verdict = verify(alone, cache, study=town)
    assert verdict.equal, verdict.lines
    assert verdict.beside == ("more", "notes.txt")
    assert any("demand.parquet: the same tables to a rounding, in other bytes" in line for line in verdict.open)


def test_evidence_on_which_no_claim_rests_is_told(town: Path, cache: Path) -> None:
    folder = town.with_name("placed")
    run_site(town, Question(model="p-center", sites=1), folder, Options(cache=cache), Silence())
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["siting"]["bound_by"] == "enumeration"
    told = json.loads((folder / "proof.json").read_text(encoding="utf-8"))
    (folder / "proof.json").write_text(json.dumps(told), encoding="utf-8")
    relist(folder, "proof.json")
    verdict = verify(folder, cache)
    assert verdict.equal
    assert any(line.startswith("proof.json: other figures than those found again") for line in verdict.open)
    assert 'the answer to siting.question: model "p-center", sites 1, floor 0, close 0, gap 0' in verdict.recomputed
    change(folder, lambda told: told["siting"]["question"].update(floor=0.5))
    floor = "floor is a least share of people covered, which model 'p-center' does not keep to; expected none"
    assert verify(folder, cache).changed == (f"siting.question: {floor}",)


def test_a_run_over_tiles_is_repeated_over_tiles_and_never_loaded_as_a_whole(
    town: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, options = town.with_name("tiled"), Options(cache=cache)
    monkeypatch.setattr(tiling, "measure_tiles", here)
    run_tiles(town, folder, options, Tiling.of(options), Silence(), Question(budget=1.0))
    monkeypatch.setattr(verifying, "read_study", pytest.fail)
    verdict = verify(folder, cache)
    assert verdict.equal, verdict.lines
    assert any("counted from the tiles, not measured again" in line for line in verdict.open)
    edit_text(folder, "sites.csv", "Bank", "Bench")
    assert verify(folder, cache).changed == ("sites.csv: does not follow from the inputs",)


def test_a_comparison_is_repeated_too(town: Path, cache: Path) -> None:
    scenarios = town.parent / "scenarios.toml"
    scenarios.write_text('[[scenario]]\nname = "the bank"\nopen = ["B1"]\n', encoding="utf-8")
    folder = town.parent / "compared"
    run_compare(town, scenarios, folder, Options(cache=cache), Silence())
    assert verify(folder, cache).equal
    elsewhere = town.parent / "elsewhere"
    shutil.copytree(folder, elsewhere / "deep" / "compared")
    assert verify(elsewhere / "deep" / "compared", cache, study=town).equal
    scenarios.write_text(scenarios.read_text(encoding="utf-8") + "# one more line\n", encoding="utf-8")
    assert verify(folder, cache).changed == (
        f"scenario file: {folder / '..' / 'scenarios.toml'} has changed since the run",
    )
    edit_text(folder, "compare.csv", "270", "271")
    change(folder, lambda told: told["scenarios"][0]["totals"].update(gained=241.0))
    verdict = verify(folder, cache)
    assert "compare.csv: does not follow from the inputs" in verdict.changed
    assert [c.name for c in verdict.comparisons if not c.equal] == ["scenarios.0.totals.gained"]
    change(folder, lambda told: told["options"].update(docx=True, geotiff=True))
    assert {"options.docx", "options.geotiff"} <= {c.name for c in verify(folder, cache).comparisons if not c.equal}


def test_a_comparison_that_proposes_is_none(town: Path, cache: Path, told: Path) -> None:
    folder = town.with_name("compared")
    town.with_name("scenarios.toml").write_text('[[scenario]]\nname = "none"\n', encoding="utf-8")
    run_compare(town, town.with_name("scenarios.toml"), folder, Options(cache=cache), Silence())
    siting = json.loads((told / "manifest.json").read_text())["siting"]
    change(folder, lambda entries: entries.update(siting=siting))
    assert 'siting.status: NOT EQUAL, the run told "optimal", found again no such entry' in verify(folder, cache).lines


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """Return a folder with a manifest that is well formed and tells of nothing."""
    sha, option = "0" * 64, dict.fromkeys(("basemap", "shapefile", "geotiff"), False)
    limits = {"sites": None, "budget": 3, "reach": None, "floor": 0, "close": 0, "time_limit_s": 60}
    manifest = {
        "version": "0", "study": "x", "command": "site", "date": "2026-01-31", "options": {"language": "en", **option},
        "study_file": {"path": "study.toml", "sha256": sha}, "inputs": {"network": {"path": "r.osm", "sha256": sha}},
        "totals": {"population": 1.0}, "sensitivity": {"1.0": 0.5}, "files": {},
        "siting": {
            "question": {"model": "mclp", **limits}, "model": "mclp", "status": "optimal", "objective": 1, "bound": 1,
            "gap": 0, "bound_by": "certificate", "ended_by": "proof", "selected": [], "closed": [], "cost": 0,
            "covered_people": 1, "message": "",
        },
        "seconds": 1.5, "environment": {"python": "3.11.7", "rasterio": None},
    }  # fmt: skip
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    read_told(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: m["totals"].update(population="x"), r"totals\.population: found 'x'"),
        (lambda m: m["inputs"]["network"].update(path=5), r"inputs\.network\.path: found 5"),
        (lambda m: m["inputs"]["network"].update(path="a" * 5000), r"inputs\.network\.path: found"),
        (lambda m: m["inputs"]["network"].update(sha256=None), r"inputs\.network\.sha256"),
        (lambda m: m.update(sensitivity={"x": 1}), r"sensitivity\.x"),
        (lambda m: m.update(sensitivity=[1]), "sensitivity"),
        (lambda m: m.update(totals=[]), "totals"),
        (lambda m: m.update(siting="x"), "siting: found 'x'"),
        (lambda m: m["siting"].update(selected=5), r"siting\.selected: found 5"),
        (lambda m: m["siting"]["question"].update(budget="3"), r"siting\.question\.budget: found '3'"),
        (lambda m: m["siting"].update(status="best"), r"siting\.status: found 'best'"),
        (lambda m: m["siting"].pop("bound_by"), r"siting\.bound_by: required and not there"),
        (lambda m: m.pop("files"), "files: required and not there"),
        (lambda m: m["files"].update(a={"sha256": "0" * 64, "bytes": -1}), r"files\.a\.bytes: found -1"),
        (lambda m: m.update(date="yesterday"), "date: found 'yesterday'"),
        (lambda m: m.update(command="rm"), "command: found 'rm'"),
    ],
)
def test_a_malformed_manifest_is_one_clear_error(spoil: Callable[[Any], Any], message: str, told: Path) -> None:
    change(told, spoil)
    with pytest.raises(InputError, match=message):
        read_told(told)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[1]",
        "null",
        "{}",
        '{"totals": NaN}',
        "[" * 100_000,
        "\0",
        '{"a": ' + "9" * 5000 + "}",
        '{"a": ' + "9" * 400 + "}",
        '{"a": 1e999}',
        '{"a": 1, "a": 2}',
    ],
)
def test_what_is_no_manifest_is_one_clear_error(content: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_told(tmp_path)
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError, match=r"manifest\.json"):
        read_told(tmp_path)


def name_study(folder: Path, path: str) -> None:
    change(folder, lambda told: told["study_file"].update(path=path))


def test_a_manifest_opens_no_file_but_its_study(told: Path) -> None:
    os.mkfifo(told / "pipe.toml")
    (told / "empty.toml").write_text("")
    (told / "endless.toml").symlink_to("/dev/zero")
    for path in ("/etc/passwd", "/dev/zero", "pipe.toml", "empty.toml", "endless.toml", "nowhere.toml", "a\0.toml"):
        name_study(told, path)
        with pytest.raises(InputError, match="is missing, or no TOML file"):
            recorded_file(told, read_told(told)[0].study_file, "study file")
    (told / "manifest.json").unlink()
    os.mkfifo(told / "manifest.json")
    with pytest.raises(InputError, match="a named pipe, not a file"):
        read_told(told)


def test_tables_are_the_same_to_a_rounding_and_nothing_else_is(tmp_path: Path) -> None:
    one, other = tmp_path / "a.csv", tmp_path / "b.csv"
    one.write_text("district,people\nA,1.000001\n")
    for text, same in (("A,1.000002", True), ("A,1.00001", False), ("B,1.000001", False), ("A,", False)):
        other.write_text(f"district,people\n{text}\n")
        assert same_content(one, other) is same, text
    one.write_text("id,name\n110101001001,9.0\n")
    for text, same in (
        ("110101001001,9.0000001", True),
        ("110101001002,9.0", False),
        ("110101001001,", False),
        ("110101001001.5,9.0", False),
        ("1.10101001001e11,9.0", False),
        ("x,110101001001,9.0", False),
        ("110101001001,9.0,approved", False),
    ):
        other.write_text(f"id,name\n{text}\n")
        assert same_content(one, other) is same, text
    for name in ("a.html", "b.html"):
        (tmp_path / name).write_text(name)
    assert not same_content(tmp_path / "a.html", tmp_path / "b.html")
    for a, b in ([True], ["True"]), ([None], ["None"]), ([1], ["1"]), ([1.0], [True]), ([1.0], [None]):
        for name, values in (("a", a), ("b", b)):
            frame = gpd.GeoDataFrame({"a": values}, geometry=[Point(1, 2)], crs=4326)
            frame.to_parquet(tmp_path / f"{name}.parquet")
        assert not same_content(tmp_path / "a.parquet", tmp_path / "b.parquet"), (a, b)
        frame.set_crs(4490, allow_override=True).to_parquet(tmp_path / "a.parquet")
        assert not same_content(tmp_path / "a.parquet", tmp_path / "b.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    assert not same_content(tmp_path / "a.parquet", tmp_path / "b.parquet")


def test_other_bytes_of_the_same_tables_are_the_same_and_what_is_hidden_beside_them_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library of another version packs, orders and pads otherwise; a forger adds what no table shows."""
    layers, table, book = tmp_path / "a.gpkg", tmp_path / "a.parquet", tmp_path / "a.xlsx"
    frame = gpd.GeoDataFrame(
        {"id": ["O1", "O2"], "name": ["x", None], "m": [1.5, None]}, geometry=[Point(1, 2), Point(3, 4)], crs=4326
    )
    frame.to_file(layers, layer="outlets", driver="GPKG")
    frame.to_parquet(table)
    pd.DataFrame({"a": [1]}).to_excel(book, index=False)

    def again(path: Path, content: bytes | None = None) -> Path:
        copy = path.with_name(f"b{path.suffix}")
        copy.write_bytes(path.read_bytes() if content is None else content)
        return copy

    frame.to_parquet(again(table), compression="gzip")
    assert same_content(table.with_name("b.parquet"), table)
    pq.write_table(pq.read_table(table).replace_schema_metadata({"note": "approved"}), again(table))
    assert not same_content(table.with_name("b.parquet"), table)
    for sql, same in (
        ("VACUUM", True),
        ("CREATE TRIGGER rtree_more AFTER INSERT ON outlets BEGIN DELETE FROM outlets; END", False),
        ("CREATE VIEW gpkg_more AS SELECT * FROM outlets", False),
        ("CREATE TABLE gpkg_more (text TEXT)", False),
        ("UPDATE gpkg_ogr_contents SET feature_count = 9", False),
        ("UPDATE rtree_outlets_geom SET minx = 8, maxx = 8, miny = 8, maxy = 8", False),  # a map would not find it
        ("DELETE FROM rtree_outlets_geom_rowid", False),
        ("UPDATE gpkg_contents SET max_x = 9", False),
        ("UPDATE gpkg_spatial_ref_sys SET definition = 'undefined' WHERE srs_id = 4326", False),
    ):
        with closing(sqlite3.connect(again(layers))) as base:
            base.execute(sql)
            base.commit()
        assert same_content(layers.with_name("b.gpkg"), layers) is same, sql
    again(layers, b'<OGRVRTDataSource><OGRVRTLayer name="outlets"/></OGRVRTDataSource>')
    monkeypatch.setattr(pyogrio, "list_layers", pytest.fail)  # GDAL never sees what is no GeoPackage
    assert not same_content(layers.with_name("b.gpkg"), layers)
    whole = book.read_bytes()
    for content in (b"<html>" + whole, whole + b"<html>"):
        assert not same_content(again(book, content), book)


@pytest.mark.parametrize(
    ("told", "found", "equal"),
    [
        (float("inf"), 270.0, False),
        (float("inf"), float("inf"), True),
        (1e6, 1e6 * (1 + 1e-12), True),
        (1e6, 1e6 + 0.01, False),
        (None, None, True),
        (None, 0.5, False),
        (0.5, float("nan"), False),
        (0.0, 1e-10, True),
        (1, 1.0, True),
        ("optimal", "optimal", True),
        ("optimal", None, False),
        (True, 1, False),
    ],
)
def test_figures_are_equal_to_a_billionth(told: Any, found: Any, *, equal: bool) -> None:
    assert Comparison(name="x", told=told, found=found).equal is equal
