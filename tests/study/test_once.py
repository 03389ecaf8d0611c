"""One run builds no graph, no order of junctions and no place on a street twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from worlds import line, outlets
from worlds import people as people_at

from accessibility import Walker, measure_coverage
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_site
from accessibility.geo.arrays import Memo, Same
from accessibility.streets import search, snapping
from accessibility.streets.search import packing
from accessibility.streets.snapping import snap_study
from accessibility.study.proposing import Question

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from accessibility import Network, Sites


def content(*values: Any) -> str:
    """Return what tells values apart, by the bytes of their arrays."""
    arrays = (np.ascontiguousarray(v).tobytes() if isinstance(v, np.ndarray) else repr(v).encode() for v in values)
    return hashlib.sha256(b"|".join(arrays)).hexdigest()


KEYS: dict[str, tuple[Any, Callable[..., str]]] = {
    "build_graph": (packing, lambda n, i, **k: content(n.edges, n.private, i.along, i.against, k["open_compounds"])),
    "build_arcs": (packing, lambda n, i, **k: content(n.edges, n.private, i.along, i.against, k["open_compounds"])),
    "hilbert_rank": (packing, content),
    "snap_points": (snapping, lambda n, xy, *a, **k: content(n.edges, n.length_m, n.private, xy, *a, k)),
}


def test_a_run_builds_nothing_twice(town: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: Counter[tuple[str, str]] = Counter()

    def counted(name: str, make: Callable[..., Any], key: Callable[..., str]) -> Callable[..., Any]:
        def build(*args: Any, **kwargs: Any) -> Any:
            built[name, key(*args, **kwargs)] += 1
            return make(*args, **kwargs)

        return build

    for name, (module, key) in KEYS.items():
        monkeypatch.setattr(module, name, counted(name, getattr(module, name), key))
    run_site(town, Question(budget=1.0), tmp_path / "out", Options(cache=cache), Silence())
    assert {name for name, _ in built} == set(KEYS)
    assert not {name: times for name, times in built.items() if times > 1}


def test_a_network_keeps_its_graphs_and_a_copy_of_it_makes_its_own() -> None:
    road = line(1_000.0, 1)
    slow, fast = Walker(speed_m_s=0.8), Walker(speed_m_s=1.2)
    graph = road.packed.graph(slow, open_compounds=False)
    assert road.packed.graph(Walker(speed_m_s=0.8), open_compounds=False) is graph
    assert road.packed.graph(fast, open_compounds=False) is not graph
    assert road.packed.graph(slow, open_compounds=True) is not graph
    assert road.packed.graph(None, open_compounds=False).impedance.along.tolist() == [100_000]
    assert graph.impedance.along.tolist() == [1_250_000]


def test_of_large_streets_a_graph_is_kept_where_it_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_MANY", 0)
    road = line(1_000.0, 2)
    first, second, third = (road.packed.graph(None, open_compounds=False) for _ in range(3))
    assert first is not second
    assert second is third
    assert first.hierarchy.arcs.tolist() == second.hierarchy.arcs.tolist()


def test_a_graph_that_is_asked_often_is_made_ready_and_answers_alike() -> None:
    road = line(1_000.0, 2)
    asked = [road.packed.graph(None, open_compounds=False) for _ in range(20)]
    assert len(asked[0].hierarchy.neighbour) == 0
    assert len(asked[-1].hierarchy.neighbour) > 0
    assert len({id(graph) for graph in asked}) == 2
    sites = search.Stops(edge=np.array([0], np.int32), fraction=np.array([0.25]), leg=np.zeros(1, np.uint32))
    first, last = (search.nearest(graph, sites)[graph.hierarchy.place].tolist() for graph in (asked[0], asked[-1]))
    assert first == last
    assert max(first) == 87_500 << 32


def test_a_memo_keeps_the_last_few_and_no_failure() -> None:
    memo, asked = Memo(most=2), []

    def make(key: str) -> str:
        asked.append(key)
        return key.upper()

    for key in ("a", "b", "a", "c", "a", "b"):
        assert memo.get(key, lambda key=key: make(key)) == key.upper()  # type: ignore[misc]
    assert asked == ["a", "b", "c", "b"]
    with pytest.raises(ZeroDivisionError):
        memo.get("d", lambda: 1 // 0)
    assert memo.get("d", lambda: 4) == 4


def test_arrays_in_a_key_are_the_same_only_as_themselves() -> None:
    one, other = np.zeros(3), np.zeros(3)
    assert Same(one) == Same(one)
    assert Same(one) != Same(other)
    assert len({Same(one), Same(one), Same(other)}) == 2


def test_a_changed_copy_of_a_snapping_knows_nothing_of_what_was_searched_before() -> None:
    road, people, sites = line(1_000.0, 1), people_at([(100, 0)]), outlets([(0, 0)])
    at = snap_study(road, people, sites)
    assert measure_coverage(road, people, sites, snapped=at).metres.tolist() == [100.0]
    moved = replace(at.sites, fraction=np.array([0.5]))
    assert measure_coverage(road, people, sites, snapped=replace(at, sites=moved)).metres.tolist() == [400.0]


def test_what_is_kept_with_a_snapping_hangs_on_open_sites_walker_and_streets() -> None:
    road, people, sites = line(1_000.0, 1), people_at([(100, 0)]), outlets([(0, 0), (1_000, 0)])
    at = snap_study(road, people, sites)
    other = replace(sites, open=np.array([False, True]))
    longer = replace(road, length_m=2 * road.length_m)

    def seconds(network: Network, there: Sites, walker: Walker) -> list[float]:
        return list(measure_coverage(network, people, there, walker=walker, snapped=at).walk_s)

    asked = [(road, sites, 1.0), (road, other, 1.0), (road, other, 2.0), (longer, other, 2.0)]
    for _ in range(2):  # what is kept the second time
        assert [seconds(n, s, Walker(speed_m_s=v)) for n, s, v in asked] == [[100.0], [900.0], [450.0], [900.0]]
    assert measure_coverage(road, people, other, snapped=at).radius_m.round().tolist() == [900.0]
    assert measure_coverage(road, people, other, snapped=at).metres.tolist() == [900.0]
