"""The campaign of hostile texts: names that would be markup, formulas or orders to a terminal, in every output."""

from __future__ import annotations

import random
import re
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pandas as pd
from doors import LAT, LONS, PEOPLE, WEST
from faults import Faults, contents

from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_site
from accessibility.study.proposing import Question

HOSTILE = (
    *("<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "<svg onload=alert(1)>"),
    *("javascript:alert(1)", "url(//x.invalid)", "@import url(//x.invalid)"),
    *("</style><link href=//x.invalid>", "';alert(1)//", '"><b>', "{{7*7}}", "=1+1", "+1"),
    *("-1+cmd|' /C calc'!A1", "@SUM(A1)", "＝1+1", "\t=1", "${x}", "%s%n", "`id`", "$(id)", "../../x"),
    *("C:\\x", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "bell\x07", "\x9b31m", "\u202egnp.exe", "a\u200bb"),
    *("a\u2028b", "line\nfeed", "\ufeffmark", "é" * 200, "名" * 200, "𠮷", "A/B", "CON", "nul.", "<!--", "]]>"),
    *("\u200eLRM", "&amp;", "&#60;b&#62;", "\\u003cb\\u003e"),
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_MARKUP = re.compile(r"<script>alert|<img src=x|<svg onload|<link href=//x|<b>\"|onerror=alert\(1\)>", re.IGNORECASE)
_STUDY = """name = {name}
[inputs]
network = {{ path = "roads.osm" }}
population = {{ path = "people.csv", setting = "setting", district = "town", coordinates = "WGS84" }}
outlets = {{ path = "outlets.csv", coordinates = "WGS84" }}
banks = {{ path = "banks.csv", coordinates = "WGS84" }}
"""


def write_town(folder: Path, draw: random.Random) -> Path:
    """Write a town in which everything that has a name has a hostile one."""
    from doors import DOORS  # noqa: PLC0415

    folder.mkdir(parents=True)
    some = draw.sample(HOSTILE, 8)
    DOORS["extract"][0](folder / "roads.osm")
    rows = {"id": some[:5], "lon": LONS, "lat": LAT, "population": PEOPLE, "setting": "urban", "town": some[3:8]}
    pd.DataFrame(rows).to_csv(folder / "people.csv", index=False)
    outlet = {"id": [some[5]], "name": [some[0]], "lon": [WEST], "lat": [LAT], "address": [some[1]]}
    pd.DataFrame(outlet).to_csv(folder / "outlets.csv", index=False)
    bank = {"id": [some[6]], "name": [some[2]], "lon": [LONS[4]], "lat": [LAT], "partner": ["no"], "bank": [some[7]]}
    pd.DataFrame(bank).to_csv(folder / "banks.csv", index=False)
    name = "".join(c if c.isprintable() and c not in '"\\' else " " for c in some[4])
    (folder / "study.toml").write_text(_STUDY.format(name=f'"{name}"'), encoding="utf-8")
    return folder / "study.toml"


def faults_of(out: Path) -> list[str]:
    """Return what in a run's folder is more than text."""
    found = []
    for name in contents(out):
        file = out / name
        if file.suffix == ".html":
            text = file.read_text(encoding="utf-8")
            found += [f"{name}: markup {hit[0]!r}" for hit in _MARKUP.finditer(text)]
            found += [f"{name}: control {hit[0]!r}" for hit in _CONTROL.finditer(text)]
        elif file.suffix in (".csv", ".json"):
            text = file.read_text(encoding="utf-8-sig")
            found += [f"{name}: control {hit[0]!r}" for hit in _CONTROL.finditer(text)]
        if file.suffix == ".csv":
            table = pd.read_csv(file, dtype=str, keep_default_na=False)
            cells = table.to_numpy().ravel().tolist()
            loose = [c for c in cells if c[:1] in "=+-@＝＋－＠" and c[:1] and not re.fullmatch(r"-?[\d.,e-]+", c)]
            found += [f"{name}: formula {cell!r}" for cell in loose]
        if file.suffix == ".xlsx":
            with zipfile.ZipFile(file) as book:
                sheets = [book.read(part) for part in book.namelist() if part.startswith("xl/worksheets/")]
            found += [f"{name}: formula" for sheet in sheets if b"<f>" in sheet]
    return found


def run_texts(count: int, seed: int = 1) -> Faults:
    """Measure towns of hostile names and look through everything written."""
    faults, draw = Faults(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="campaign-") as base:
        for i in range(count):
            folder = Path(base) / str(i)
            study = write_town(folder, draw)
            options = Options(language=draw.choice(["en", "zh", "both"]), cache=Path(base) / "cache")
            run_site(study, Question(sites=1), folder / "out", options, Silence())
            found = faults_of(folder / "out")
            faults.hold("hostile texts", f"town {i}: {found[:4]}", true=not found)
    return faults
