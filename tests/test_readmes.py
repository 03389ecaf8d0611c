"""The Chinese README says what the English one says: the same commands, files and figures."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import worlds

import accessibility as acc
from accessibility import siting
from accessibility.measures.access import Gaussian

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh.md"))


def commands(text: str) -> list[str]:
    """Return the commands of the blocks for a shell, without their comments."""
    blocks = re.findall(r"```(?:sh|bat)\n(.*?)```", text, flags=re.DOTALL)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.split("#")[0].strip()]


def test_both_say_the_same_commands_in_the_same_order() -> None:
    assert commands(CHINESE) == commands(ENGLISH)
    assert len(commands(CHINESE)) > 10


def test_no_figure_and_no_file_stands_in_one_alone() -> None:
    for pattern in (r"`([\w/-]+\.\w+)`", r"(?<![\w.])(\d+(?:\.\d+)?)(?![\w.]*[\w])"):
        english, chinese = (set(re.findall(pattern, text)) for text in (ENGLISH, CHINESE))
        ends = {found.rpartition("/")[2] for found in english}  # a file may be named with its folder
        assert chinese - {"2", "3", "4"} <= english | ends | set(re.findall(r"[\w.-]+", ENGLISH)), sorted(
            chinese - english
        )


def test_they_name_each_other() -> None:
    assert "(README.zh.md)" in ENGLISH
    assert "(README.md)" in CHINESE


def told_beside() -> list[tuple[str, str]]:
    """Return the rows of the table for those who come from another tool: theirs, and ours."""
    section = ENGLISH.split("### Coming from another tool")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [(theirs, ours) for theirs, ours in rows[1:] if "---" not in theirs]


@pytest.mark.filterwarnings("ignore:.* have no type of street")
def test_what_stands_beside_another_tool_runs_as_written() -> None:
    homes = worlds.people([(100, 0), (2_000, 0), (3_900, 0)], [10, 20, 40])
    kinds: Any = {"kind": ["outlet", "bank", "bank"], "cost": [0, 1, 1], "ids": ["O1", "B1", "B2"]}
    sites = replace(worlds.outlets([(0, 0), (2_100, 0), (4_000, 0)]), **kinds, open=np.array([True, False, False]))
    study = acc.Study.of(worlds.line(4_000), homes, sites, name="Road")
    costs = np.array([[1.0, 9.0], [9.0, 1.0], [9.0, 2.0]])  # three places, two sites, as spopt has them
    problem = siting.Problem.from_costs(costs.T, [10, 20, 40], 5)
    links: Any = study.network.to_gdf()
    ends = np.array([(row["u"], row["v"]) for _, row in links.iterrows()])
    edges = pd.DataFrame({"from": ends[:, 0], "to": ends[:, 1], "weight": links["length_m"].to_numpy()})
    places = pd.DataFrame(worlds.degrees(*((x, 0) for x in np.linspace(0, 4_000, 7))), columns=["x", "y"])
    known: dict[str, Any] = {
        "acc": acc,
        "siting": siting,
        "Gaussian": Gaussian,
        "study": study,
        "costs": costs,
        "weights": [10, 20, 40],
        "radius": 5,
        "p": 1,
        "problem": problem,
        "plan": siting.solve_mclp(problem, sites=1),
        "graph": study.network.to_networkx(),
        "network": study.network,
        "net": SimpleNamespace(nodes_df=places, edges_df=edges),
    }
    ran = 0
    for theirs, ours in told_beside():
        before = ""
        for code in re.findall(r"`([^`]+)`", ours):
            if code.isidentifier():  # what the other tool calls it
                assert code in theirs, code
                continue
            code = f"{before}{code}" if code.startswith(".") else code  # noqa: PLW2901
            code = f"{before[:-1]}, {code})" if re.match(r"\w+=", code) else code  # noqa: PLW2901 -- one more argument
            code = re.sub(r'supply="\w+"', "supply=[1, 1, 1]", code)  # noqa: PLW2901 -- a column of their sites
            eval(code, known)  # noqa: S307 -- our own README
            before, ran = code, ran + 1
    assert ran > 20
