"""The command line as a planner meets it: words, files, exit codes; one clear error for each bad input."""

# ruff: noqa: RUF001 -- Chinese has punctuation of its own

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from commands import call, process
from osmfiles import node, relation, way, write_osm
from rasterio.transform import from_origin
from typer import Context
from typer.main import get_command

from accessibility.cli.arguments import translate_help
from accessibility.cli.commands import app
from accessibility.cli.pack import demo_folder
from accessibility.errors import InputError, OutputError
from accessibility.wording import _sentences, message_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


TITLES = ("arguments", "options", "commands", "error", "required", "default", "try_help")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def test_cover_writes_the_files_and_prints_the_totals(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call(monkeypatch, "cover", town, "--out", out, "--json") == 0
    printed = capsys.readouterr()
    totals = json.loads(printed.out)
    assert totals == json.loads((out / "manifest.json").read_text(encoding="utf-8"))["totals"]
    assert (totals["population"], totals["covered"]) == (310, 30)
    assert call(monkeypatch, "cover", town, "--out", out) == 0
    assert "9.7 % of 310 people (30) are within a 15-minute walk" in " ".join(capsys.readouterr().out.split())
    assert call(monkeypatch, "cover", town, "--out", out, "--quiet") == 0
    assert capsys.readouterr().out == ""


def test_timings_are_printed_beside_the_totals(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call(monkeypatch, "cover", town, "--out", out, "--json", "--quiet", "--timings", "--lang", "zh") == 0
    printed = capsys.readouterr()
    stages = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["timings"]
    assert json.loads(printed.out)["population"] == 310
    head, *rows = printed.err.splitlines()
    assert head.split() == ["阶段", "CPU秒", "历时秒", "至此峰值MB"]
    names = [message_text(stage["stage"], "zh") for stage in stages]
    assert [row.split(" ")[1] for row in rows[: len(names)]] == [name.split(" ")[0] for name in names]
    assert not any(name.isascii() for name in names)
    assert rows[-1].split()[:2] == ["合计", f"{sum(stage['cpu_s'] for stage in stages):.2f}"]


def test_a_run_says_both_readings_of_towns_and_what_its_findings_are_worth(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    people = (town.parent / "people.csv").read_text(encoding="utf-8").replace("80,urban", "80,town")
    (town.parent / "people.csv").write_text(people, encoding="utf-8")
    outlets = "id,name,lon,lat,status\nO1,Hall,108.2,30.5,open\nO2,Annex,108.2208415,30.5,closed\n"
    (town.parent / "outlets.csv").write_text(outlets, encoding="utf-8")
    assert call(monkeypatch, "cover", town, "--out", tmp_path / "out") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "towns held to the rural rule (5 km along the network): 35.5 %" in said  # 110 of 310 instead of 30
    assert "+77.42 outlets.csv: O2 (Annex) is an outlet that does not count today; were all such outlets open" in said
    assert "coverage would change by" not in said  # the figure stands before the sentence
    assert "quality.csv" in said
    standard = town.read_text(encoding="utf-8").replace("[inputs]", '[standard]\ntown = "rural"\n[inputs]')
    town.write_text(standard, encoding="utf-8")
    assert call(monkeypatch, "cover", town, "--out", tmp_path / "out") == 0
    assert "towns held to the urban rule (15-minute walk): 9.7 %" in " ".join(capsys.readouterr().out.split())


def test_check_says_how_people_walk_and_spares_what_matters_to_nobody(
    town: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    walking = "[walking]\nferries = true\nsignal_delay_s = 35\n[inputs]"
    town.write_text(town.read_text(encoding="utf-8").replace("[inputs]", walking), encoding="utf-8")
    assert call(monkeypatch, "check", town) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "1.0 m/s; all streets flat; stairs 2 times as long; 35 s at a signal; access table default;" in said
    assert "compounds for their residents; ferries carry people" in said
    assert "and 1 that would change coverage by less than 0.005 points" in said  # the nearest junctions


def test_a_folder_is_named_after_the_study(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "cover", town, "--quiet") == 0
    assert (tmp_path / "maps" / "street" / "coverage.html").is_file()


def test_demo_runs_the_sample_county_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "demo", "--quiet") == 0
    assert (tmp_path / demo_folder() / "coverage.html").stat().st_size > 100_000
    assert [path.name for path in tmp_path.iterdir()] == ["maps"]


def test_new_writes_a_study_that_is_read_and_never_overwrites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "new", tmp_path / "county") == 0
    before = (tmp_path / "county" / "study.toml").read_bytes()
    assert call(monkeypatch, "new", tmp_path / "county") == 2
    assert (tmp_path / "county" / "study.toml").read_bytes() == before
    capsys.readouterr()
    assert call(monkeypatch, "check", tmp_path / "county" / "study.toml") == 2  # its inputs are not there yet
    assert "population.tif: no such file" in capsys.readouterr().err


def test_check_reads_everything_and_writes_nothing(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert call(monkeypatch, "check", town) == 0
    said = capsys.readouterr().out
    assert "310 people at 5 points" in said
    assert "1 outlet (1 open), 1 bank (0 open)" in said
    assert sorted(tmp_path.rglob("*")) == before
    assert call(monkeypatch, "check", town, "--json") == 0
    assert json.loads(capsys.readouterr().out)["read"]["study"].startswith("Street")


@pytest.mark.parametrize(
    "words",
    [
        ["cover"],
        ["nonsense"],
        ["cover", "a.toml", "--workers", "0"],
        ["cover", "a.toml", "--lang", "de"],
        ["cover", "--typo"],
    ],
)
def test_words_that_are_no_command_are_an_input_error(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(monkeypatch, *words) == 2


@pytest.mark.parametrize(("error", "code"), [(InputError("x"), 2), (OutputError("x"), 4), (KeyboardInterrupt(), 130)])
def test_exit_codes(
    error: BaseException, code: int, town: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("accessibility.cli.pack.run_cover", fail)
    assert call(monkeypatch, "cover", town, "--quiet") == code
    assert "Traceback" not in capsys.readouterr().err


def test_help_says_everything_in_both_languages() -> None:
    """Every help text has a Chinese one, none is left over, and both name the same commands and options."""
    told = {language: translate_help(get_command(app), language) for language in ("zh", "en")}
    pairs = list(zip(*(said(command) for command in told.values()), strict=True))
    entries = {entry["en"]: entry["zh"] for key, entry in _sentences("help").items() if key not in TITLES}
    assert {english: chinese for chinese, english in pairs} == entries
    assert [chinese for chinese, _ in pairs if not re.search("[\u4e00-\u9fff]", chinese)] == []
    for one, other in zip(told["zh"].commands.values(), told["en"].commands.values(), strict=True):
        assert [param.opts for param in one.params] == [param.opts for param in other.params]


def said(command: Any) -> list[str]:
    """Return what the help of a command, and of those below it, says."""
    own = [command.help, *(param.help for param in command.get_params(Context(command)))]
    return own + [text for below in getattr(command, "commands", {}).values() for text in said(below)]


@pytest.mark.parametrize("asked", [("--lang", "zh", "site"), ("site", "--lang=zh")])
def test_help_and_what_is_wrong_with_an_option_are_told_in_chinese(
    asked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, *asked, "--help") == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("用法：", "参数", "选项", "[必填]", "[默认：mclp]", "显示本说明并退出。"))
    assert "…" not in shown
    assert call(monkeypatch, *asked, "a.toml", "--sites", "x") == 2
    assert "'--sites'的值无效：应为整数" in capsys.readouterr().err
    assert call(monkeypatch, "site", "--lang", "en", "--budgett") == 2
    shown = capsys.readouterr().err
    assert "Usage: " in shown
    assert "No such option: --budgett" in shown


def test_help_and_version_are_words_only() -> None:
    assert "check" in process("--help").stdout
    assert process("--version").stdout.startswith("outlet-accessibility 0.")


def test_it_works_without_utf8_and_in_a_folder_with_spaces(tmp_path: Path) -> None:
    out = tmp_path / "测试 目录"
    done = process("new", out, LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert (out / "study.toml").is_file()


def test_a_chinese_windows_console_gets_its_bytes_and_no_file_is_opened_in_its_encoding(
    town: Path, tmp_path: Path
) -> None:
    """GBK has no ©, no é and no 𠮷: a name that has them is spelt out, and all else is Chinese in GBK."""
    text = town.read_text(encoding="utf-8").replace('name = "Street"', 'name = "𠮷县 é©"')
    town.write_text(text, encoding="utf-8")
    console = {"PYTHONIOENCODING": "cp936", "PYTHONUTF8": "0", "LC_ALL": "zh_CN.GBK", "PYTHONCOERCECLOCALE": "0"}
    warned = {"PYTHONWARNDEFAULTENCODING": "1", "PYTHONWARNINGS": "always::EncodingWarning"}
    command = [sys.executable, "-c", "from accessibility.cli.commands import main; main()"]
    command += ["cover", str(town), "--out", str(tmp_path / "成果 一")]
    done = subprocess.run(command, capture_output=True, env=os.environ | console | warned, check=False)  # noqa: S603
    said, beside = done.stdout.decode("cp936"), done.stderr.decode("cp936")
    assert done.returncode == 0, beside
    assert "内可到达服务网点或合作银行网点，步行速度1.0米/秒；" in said
    assert [line for line in beside.splitlines() if "EncodingWarning" in line and "/accessibility/" in line] == []
    told = json.loads((tmp_path / "成果 一" / "manifest.json").read_text(encoding="utf-8"))
    assert told["study"] == "𠮷县 é©"
    assert '<html lang="zh-Hans">' in (tmp_path / "成果 一" / "coverage.html").read_text(encoding="utf-8")


# Each bad input: how the town is spoilt, and what the one line on standard error must say.
def spoil_toml(old: str, new: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        text = (folder / "study.toml").read_text(encoding="utf-8")
        assert old in text
        (folder / "study.toml").write_text(text.replace(old, new), encoding="utf-8")

    return spoil


def put(name: str, content: str | bytes) -> Callable[[Path], None]:
    data = content.encode() if isinstance(content, str) else content

    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return spoil


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def add_area(crs: int | None, *, west: float = 108.1) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        import geopandas as gpd  # noqa: PLC0415
        from shapely import box  # noqa: PLC0415

        frame = gpd.GeoDataFrame({"label": ["A"]}, geometry=[box(west, 30.4, west + 0.2, 30.6)], crs=crs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # without a coordinate system, as the case wants it
            frame.to_file(folder / "area.shp")
        spoil_toml("[inputs]", '[inputs]\narea = { path = "area.shp", name = "label" }')(folder)

    return spoil


def raster(values: list[list[float]], *, crs: str | None = "EPSG:4326") -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        data = np.array([values], np.float32)
        profile: dict[str, Any] = {"crs": crs, "transform": from_origin(108.2, 30.501, 0.001, 0.001), "nodata": -99_999}
        shape = {"count": 1, "height": data.shape[1], "width": data.shape[2], "dtype": "float32"}
        with rasterio.open(folder / "people.tif", "w", driver="GTiff", **shape, **profile) as sink:
            sink.write(data)
        text = (folder / "study.toml").read_text(encoding="utf-8")
        old = '"people.csv", setting = "setting", coordinates = "WGS84"'
        (folder / "study.toml").write_text(text.replace(old, '"people.tif"'), encoding="utf-8")

    return spoil


def motorway(folder: Path) -> None:
    nodes = [node(i, 108.2 + i / 1_000, 30.5) for i in (1, 2)]
    write_osm(folder / "roads.osm", *nodes, way(1, [1, 2], {"highway": "motorway"}), relation(1, [], {"type": "route"}))


def elsewhere(folder: Path) -> None:
    nodes = [node(i, 9.5 + i / 1_000, 47.1) for i in (1, 2)]
    write_osm(folder / "roads.osm", *nodes, way(1, [1, 2]), relation(1, [], {"type": "route"}))


def beyond(folder: Path) -> None:
    nodes = [node(i, 108.22 + i / 100, 30.52) for i in (1, 2)]
    write_osm(folder / "roads.osm", *nodes, way(1, [1, 2]), relation(1, [], {"type": "route"}))


HEAD = "id,lon,lat,population,setting\n"
BAD = {
    "missing network": (remove("roads.osm"), r"roads\.osm"),
    "network is a web page": (put("roads.osm", "<!DOCTYPE html><html>404</html>"), r"roads\.osm"),
    "network is cut off": (put("roads.osm", '<?xml version="1.0"?><osm version="0.6"><node id="1'), r"roads\.osm"),
    "no walkable way": (motorway, r"roads\.osm: none of its 1 ways may be walked"),
    "network of another place": (elsewhere, r"roads\.osm: none of its 1 walkable ways meets the box"),
    "network beside the people": (beyond, r"roads\.osm: does not cover the study area: 310 of 310 people \(100.0%\)"),
    "unknown key": (spoil_toml("population =", "popualtion ="), r"inputs\.population: required.*popualtion: unknown"),
    "negative speed": (spoil_toml("[inputs]", "[walking]\nspeed_m_s = -1\n[inputs]"), r"walking\.speed_m_s: found -1"),
    "speed in km/h": (spoil_toml("[inputs]", "[walking]\nspeed_m_s = 4.5\n[inputs]"), r"speed_m_s: found 4\.5"),
    "not TOML": (put("study.toml", "name = "), r"study\.toml: not a TOML file"),
    "unknown column": (spoil_toml('setting = "setting"', 'column = "pop"'), r"people\.csv: no column 'pop'.*popul"),
    "negative people": (put("people.csv", HEAD + "a,108.2,30.5,-3,urban\n"), r"people\.csv:.*-3"),
    "people in words": (put("people.csv", HEAD + "a,108.2,30.5,many,urban\n"), r"people\.csv:.*'many'"),
    "people twice": (put("people.csv", HEAD + "a,108.2,30.5,3,urban\na,108.2,30.5,4,urban\n"), r"people\.csv:.*a"),
    "swapped people": (put("people.csv", HEAD + "a,30.5,108.2,3,urban\n"), r"people\.csv:.*swapped"),
    "another setting": (put("people.csv", HEAD + "a,108.2,30.5,3,suburb\n"), r"people\.csv:.*suburb"),
    "no people": (put("people.csv", HEAD), r"people\.csv: no rows"),
    "empty outlets": (put("outlets.csv", "id,name,lon,lat\n"), r"outlets\.csv: no rows"),
    "outlets without bytes": (put("outlets.csv", ""), r"outlets\.csv: the file is empty"),
    "no coordinates": (put("outlets.csv", "id,name\nO1,Hall\n"), r"outlets\.csv:.*(lon|coordinate)"),
    "duplicate ids": (put("outlets.csv", "id,lon,lat\nO1,108.2,30.5\nO1,108.3,30.5\n"), r"outlets\.csv:.*O1"),
    "ids in two files": (put("banks.csv", "id,lon,lat\nO1,108.2,30.5\n"), r"outlets\.csv and in banks\.csv \(1\): O1"),
    "swapped outlets": (put("outlets.csv", "id,lon,lat\nO1,30.5,108.2\n"), r"outlets\.csv:.*swapped"),
    "outlets far away": (put("outlets.csv", "id,lon,lat\nO1,118.2,30.5\n"), r"none of 1 sites lies.*O1, 9\d\d km"),
    "metres for degrees": (put("outlets.csv", "id,lon,lat\nO1,424613,3375000\n"), r"outlets\.csv:.*(metres|EPSG)"),
    "unknown datum": (spoil_toml('outlets.csv", coordinates = "WGS84"', 'outlets.csv", coordinates = "?"'), r"'\?'"),
    "area without a coordinate system": (add_area(None), r"area\.shp: no coordinate system"),
    "nobody in the area": (add_area(4326, west=109.0), r"no one lives inside the area"),
    "raster without a coordinate system": (raster([[1, 2]], crs=None), r"people\.tif:.*coordinate system"),
    "all cells without data": (raster([[-99_999, -99_999]]), r"people\.tif"),
    "negative cells": (raster([[5, -7]]), r"people\.tif:.*-7"),
    "remote input": (spoil_toml('"outlets.csv"', '"https://example.com/outlets.csv"'), r"outlets\.csv"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_gives_one_clear_error_and_writes_nothing(
    case: str, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, message = BAD[case]
    spoil(town.parent)
    assert call(monkeypatch, "cover", town, "--out", tmp_path / "out", "--quiet") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert said.err.startswith("error: ")
    import re  # noqa: PLC0415

    assert re.search(message, said.err, flags=re.DOTALL), said.err
    assert not (tmp_path / "out").exists()


def test_an_extract_cut_at_a_block_boundary_is_suspected(liechtenstein: Path, tmp_path: Path) -> None:
    """Every reader loads such a file without a word; the counts give it away."""
    data = liechtenstein.read_bytes()
    at, blocks = 0, []
    while at < len(data):  # 4 bytes of length, a header that tells the size of the block, the block
        header = int.from_bytes(data[at : at + 4], "big")
        text = data[at + 4 : at + 4 + header]
        size, shift, i = 0, 0, text.rindex(b"\x18") + 1
        while True:
            size |= (text[i] & 0x7F) << shift
            shift += 7
            if not text[i] & 0x80:
                break
            i += 1
        at += 4 + header + size
        blocks.append(at)
    short = tmp_path / "short.osm.pbf"
    short.write_bytes(data[: blocks[-2]])  # the relations stand last
    from accessibility.sources.osm.extracts import read_network  # noqa: PLC0415

    _, findings = read_network(short)
    assert "suspect-truncated" in {f.code for f in findings}


def test_a_full_disk_leaves_what_was_there(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    assert call(monkeypatch, "cover", town, "--out", out, "--quiet") == 0
    before = {p.name: p.read_bytes() for p in out.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert call(monkeypatch, "cover", town, "--out", out, "--quiet") == 4
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
