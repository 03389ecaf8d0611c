"""One trial of the campaign: a town, something done to it, and what the program made of it.

A process of its own makes the trials, so that a death or a hang of a reader is a row of the table and not its end.
"""

from __future__ import annotations

import faulthandler
import json
import random
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from doors import COVERED, POPULATION, Town, build_town
from mutations import mutate

from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover
from accessibility.cli.verifying import run_check
from accessibility.errors import AccessibilityError
from accessibility.study.study import read_study

MEMORY = 6 * 2**30
_NEAR = 1e-3  # people of a raster are single-precision


def make_trial(seed: int, folder: Path) -> dict[str, Any]:
    """Return what a trial tried, and how it ended: right, refused, told, changed, or a failure with its place."""
    draw = random.Random(seed)
    town = build_town(folder / "town", draw)
    tried = f"{len(town.files)} inputs"
    keeps = True
    if draw.random() > 0.02:
        done = mutate(town, draw)
        tried, keeps = done.name, done.keeps
    try:
        return {"tried": tried} | _measured(town, draw, keeps=keeps)
    except AccessibilityError as error:
        said = str(error)
        clean = "\n" not in said.strip() and said.isprintable()
        return {"tried": tried, "end": "refused" if clean else "unclear refusal", "said": said[:300]}
    except MemoryError:
        return {"tried": tried, "end": "memory"}
    except Exception as error:  # noqa: BLE001 -- that is what is looked for
        last = traceback.extract_tb(error.__traceback__)
        own = next((f for f in reversed(last) if "accessibility" in f.filename), last[-1])
        return {
            "tried": tried,
            "end": "traceback",
            "said": f"{type(error).__name__}: {error}"[:300],
            "at": f"{Path(own.filename).name}:{own.lineno}",
        }


def _measured(town: Town, draw: random.Random, *, keeps: bool) -> dict[str, Any]:
    options = Options(cache=town.folder / "cache")
    kind = draw.random()
    if kind < 0.1:
        result = run_cover(town.study, town.folder / "out", options, Silence())
        totals, findings = result.manifest["totals"], result.findings
    else:
        study = read_study(town.study, cache=options.cache)
        now = study.coverage()
        totals = {
            "population": now.population,
            "covered": now.covered_people,
            "uncovered": now.population - now.covered_people,
            "unreached": float(study.demand.population[now.unreached].sum()),
        }
        findings = [{"code": f.code} for f in study.findings if f.is_warning]
        if kind > 0.9:
            run_check(town.study, Silence())
    whole = abs(totals["covered"] + totals["uncovered"] - totals["population"]) < _NEAR
    if not (whole and 0 <= totals["unreached"] <= totals["uncovered"] + _NEAR):
        return {"end": "people do not add up", "said": json.dumps(totals)}
    right = abs(totals["population"] - POPULATION) < _NEAR and abs(totals["covered"] - COVERED) < _NEAR
    if right:
        return {"end": "right"}
    if findings:
        return {"end": "told", "said": ", ".join(sorted({f["code"] for f in findings}))}
    return {"end": "silent loss" if keeps else "changed", "said": json.dumps(totals)}


def main() -> None:
    """Read seeds from standard input and write a line for each."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        folder = Path(tempfile.mkdtemp(prefix="campaign-"))
        try:
            result = make_trial(int(line), folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
