"""The tables and the manifest of a comparison, on a street done by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accessibility import InputError, read_study
from accessibility.present.manifest import Run
from accessibility.present.report.differences import (
    COMPARE_COLUMNS,
    DIFFERENCE_COLUMNS,
    difference_table,
    record_comparison,
    scenario_table,
    write_comparison,
)
from accessibility.whatif.scenario import Addition, Scenario, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility import Coverage, Study

Pairs = list[tuple[Scenario, "Coverage"]]


@pytest.fixture
def study(town: Path, cache: Path) -> Study:
    """Return the street with a group: a tenth of everybody, and nobody at the second place."""
    people = town.parent / "people.csv"
    header, *rows = people.read_text(encoding="utf-8").splitlines()
    old = ["1", "0", "4", "8", "16"]
    lines = [f"{header},old", *(f"{row},{n}" for row, n in zip(rows, old, strict=True))]
    people.write_text("\n".join(lines) + "\n", encoding="utf-8")
    town.write_text(
        town.read_text(encoding="utf-8").replace(
            'coordinates = "WGS84" }', 'coordinates = "WGS84", groups = { "60+" = "old" } }', 1
        ),
        encoding="utf-8",
    )
    return read_study(town, cache=cache)


@pytest.fixture
def pairs(study: Study) -> Pairs:
    scenarios = [
        Scenario(name="bank", opened=("B1",)),
        Scenario(name="swap", opened=("B1",), closed=("O1",)),
        Scenario(name="brisk", settings=Settings(speed_m_s=1.2)),
    ]
    return [(scenario, study.coverage(scenario)) for scenario in scenarios]


def test_a_row_a_scenario(study: Study, pairs: Pairs) -> None:
    table = scenario_table(study.coverage(), pairs).set_index("scenario")
    assert ("scenario", *table.columns) == COMPARE_COLUMNS
    assert table["covered"].to_dict() == {"bank": 270, "swap": 240, "brisk": 70}
    assert table["gained"].tolist() == [240, 240, 40]
    assert table["lost"].tolist() == [0, 30, 0]
    assert table["open_sites"].tolist() == [2, 1, 1]
    assert table["cost"].tolist() == [1, 1, 0]
    assert scenario_table(study.coverage(), []).columns.tolist() == list(COMPARE_COLUMNS)


def test_differences_are_long_and_add_up(study: Study, pairs: Pairs) -> None:
    table = difference_table(study.coverage(), pairs, study.district)
    assert tuple(table.columns) == DIFFERENCE_COLUMNS
    assert (
        len(table) == 3 * 2 * 4
    )  # scenarios, everybody and the old, the district and the total each by setting and all
    cells = {tuple(row[key] for key in DIFFERENCE_COLUMNS[:4]): row for row in table.to_dict("records")}
    swap = cells["swap", "total", "all", "all"]
    assert [swap[k] for k in ("covered_before", "gained", "lost", "covered_after")] == [30, 240, 30, 240]
    old = cells["swap", "total", "urban", "60+"]
    assert [old[k] for k in ("population", "covered_before", "gained", "lost")] == [29, 1, 24, 1]
    # The third place is nearer to neither: 1 000 m both ways.
    assert cells["bank", "Street", "all", "all"]["better_off"] == 240
    saved = (8 * 1_000 + 16 * 2_000) / 24 / 60
    assert cells["bank", "Street", "all", "60+"]["minutes_saved"] == pytest.approx(saved, rel=1e-3)
    assert difference_table(study.coverage(), [], study.district).columns.tolist() == list(DIFFERENCE_COLUMNS)


def test_the_manifest_tells_what_each_scenario_changes_and_brings(study: Study, pairs: Pairs, town: Path) -> None:
    place = Addition(id="N1", lon=108.2104197, lat=30.5, name="=x", cost=3.0)
    extra = Scenario(name="new", added=(place,))
    every = [*pairs, (extra, study.coverage(extra))]
    scenarios = town.parent / "scenarios.toml"
    scenarios.write_text("[[scenario]]\n", encoding="utf-8")
    out = town.parent / "out"
    out.mkdir()
    run = Run(study=study.name, study_file=town, inputs=study.inputs, parameters={}, seconds=1.0, folder=out)
    told = record_comparison(run, study.coverage(), every, sensitivity={"1.0": 30 / 310}, scenario_file=scenarios)
    assert told["totals"]["covered"] == 30
    assert told["scenario_file"]["path"] == "../scenarios.toml"
    assert [s["name"] for s in told["scenarios"]] == ["bank", "swap", "brisk", "new"]
    assert told["scenarios"][0]["changes"] == {"opened": ("B1",)}
    assert told["scenarios"][2]["changes"] == {"settings": {"speed_m_s": 1.2}}
    assert told["scenarios"][3]["changes"]["added"][0]["id"] == "N1"
    assert told["scenarios"][1]["totals"]["lost"] == 30
    write_comparison(out, study.coverage(), every, study.district)
    assert {path.name for path in out.iterdir()} == {"compare.csv", "differences.csv"}
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    write_comparison(out, study.coverage(), every, study.district)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    assert told["study_file"]["path"] == "../study.toml"
    assert told["scenarios"][3]["totals"]["per_person"] == pytest.approx(3 / 120)


@pytest.mark.parametrize(
    ("names", "message"), [(["a", "a"], "two scenarios are named 'a'"), (["a", ""], "scenario 2 of 2 has no name")]
)
def test_scenarios_need_names_of_their_own(names: list[str], message: str, study: Study) -> None:
    now = study.coverage()
    pairs = [(Scenario(name=name), now) for name in names]
    with pytest.raises(InputError, match=message):
        scenario_table(now, pairs)
    with pytest.raises(InputError, match=message):
        difference_table(now, pairs, study.district)
