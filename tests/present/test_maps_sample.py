"""Everything that the page of the sample says in figures: what its tables say that the commands write."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import reportworlds
from browsing import MARKS, OF_MAP

from accessibility.geo.projection import WGS84, transform
from accessibility.measures.tables import TOTAL
from accessibility.present.language import count
from accessibility.study.answers import told_why
from accessibility.wording import percent_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from browsing import Opened

    from accessibility.cli.report_facts import Measured

pytestmark = MARKS
TIPS = f"""() => {{
    const found = [], text = (table) => [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent));
    {OF_MAP}.eachLayer((layer) => {{
        if (!layer.feature || !layer.getTooltip()) return;
        const content = layer.getTooltip().getContent();
        found.push([layer.feature.geometry.type, text(typeof content === "function" ? content() : content)]);
    }});
    return found;
}}"""


def figures(people: float, covered: float) -> list[str]:
    return [count(people), count(covered), percent_text(covered, people, "zh")]


def test_tables_tips_legend_and_groups_are_those_of_the_files(
    sample_measured: Measured, show: Callable[..., Opened]
) -> None:
    page = show(sample_measured.study.map(lang="zh")).page
    page.wait_for_function("document.body.dataset.undo !== undefined")

    def rows(name: str) -> dict[str, list[str]]:
        script = "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()))"
        return {cells[0] or cells[1]: cells for cells in page.locator(f"{name} tr").evaluate_all(script)}

    districts = sample_measured.districts.set_index("district")
    shown = rows(".figures[data-by=district]")
    shown[TOTAL] = shown.pop("合计")
    lived_in = districts[districts["population"] > 0]
    assert set(lived_in.index) <= set(shown)
    for name, row in lived_in.iterrows():
        assert shown[str(name)][1:4] == figures(row["population"], row["covered"])

    total: Any = districts.loc[TOTAL]
    for setting, called in (("urban", "城区"), ("town", "镇区"), ("rural", "乡村")):
        people, share = total[f"{setting}_people"], total[f"{setting}_covered_share"]
        assert rows(".figures[data-by=setting]")[called][1:4] == figures(people, people * share)
    legend = [cells[2] for cells in rows(".classes[data-layer='是否覆盖']").values() if cells[2]]
    far = total["uncovered"] - total["unreached"]
    assert legend[1:] == [count(total["covered"]), count(far), count(total["unreached"]), count(total["population"])]

    tips: list[Any] = page.evaluate(TIPS)
    ledger = sample_measured.ledger.table().set_index("id")
    said = {kind: [tip for which, tip in tips if which == kind] for kind in {which for which, _ in tips}}
    for (name,), *told in [tip for kind in said if "Polygon" in kind for tip in said[kind]]:
        row, text = districts.loc[name], dict(told)
        people, *covered = figures(row["population"], row["covered"])
        assert text["人口"] == people
        for figure in covered:
            assert figure in text["已覆盖"]
        assert count(row["uncovered"]) in text["未覆盖"]
    sites = {tip[-1][0]: tip[2][0] for tip in said["Point"] if tip[-1][0] in ledger.index}
    assert set(sites) == set(ledger.index)
    for ident, text in sites.items():
        assert re.findall(r"[\d,]+", text) == [count(ledger.loc[ident, "alone_people"])]

    page.locator(".filters select").evaluate("box => { box.value = 1; box.dispatchEvent(new Event('change')); }")
    elders: Any = reportworlds.told(sample_measured)[0].groups.set_index("group").loc["60+"]
    assert rows(".figures[data-by=district]")["合计"][1:4] == figures(elders["population"], elders["covered"])


def test_what_explains_a_place_says_the_figures_of_its_cell(sample_measured: Measured) -> None:
    study, now = sample_measured.study, sample_measured.now
    lonlat = transform(now.demand.xy, now.demand.crs, WGS84)
    for row in np.flatnonzero(~now.unreached)[:: len(now.demand) // 12]:
        (text,) = told_why(study.explain(*lonlat[row].tolist()), "zh")["said"]
        told = re.search(r"距离([\d.]+)(公里|米|分钟)", text)
        assert told, text
        figure = {"公里": now.metres[row] / 1000, "米": now.metres[row], "分钟": now.walk_s[row] / 60}[told[2]]
        assert (told[2] == "分钟") == (now.demand.setting[row] != "rural")
        digits = len(told[1].partition(".")[2])
        assert abs(float(told[1]) - figure) <= 0.5001 * 10**-digits, text
        assert ("已覆盖" in text) == now.covered[row]
        assert str(now.sites.ids[now.nearest[row]]) in text
