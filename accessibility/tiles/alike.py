"""People who are alike to a proposal, as one: of a tile, on disk, and of all tiles together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from accessibility.siting.pairs import Pairs, merged_rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class AlikePeople:
    """Rows of people who live in one district and whom the same sites cover, or would."""

    people: NDArray[np.float64]  # (r,) people of each row
    points: NDArray[np.int64]  # (r,) int64 demand points that they are
    district: NDArray[np.int32]  # (r,) int32 place of their district in the cut; -1 for those who live in none
    sites: Pairs  # sites of each row, as rows of the cut; none of those who are beyond them all

    @property
    def pairs(self) -> int:
        """Pairs of a site and a demand point."""
        return int((self.points * self.sites.lengths).sum())

    @classmethod
    def read(cls, path: Path) -> AlikePeople:
        """Return the rows of a file."""
        table = pq.read_table(path, page_checksum_verification=True)
        lengths = pc.list_value_length(table["sites"]).to_numpy()
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        own = {name: table[name].to_numpy() for name in ("people", "points", "district")}
        return cls(**own, sites=Pairs(start=start, item=pc.list_flatten(table["sites"]).to_numpy()))

    @classmethod
    def joined(cls, several: Iterable[AlikePeople]) -> AlikePeople:
        """Return the rows of several, one after the other."""
        every = list(several)
        own = {name: np.concatenate([getattr(one, name) for one in every]) for name in ("people", "points", "district")}
        start = np.cumsum(np.concatenate([[0], *(one.sites.lengths for one in every)]), dtype=np.int64)
        item = np.concatenate([one.sites.item for one in every])
        return cls(**own, sites=Pairs(start=start, item=item))

    def merged(self) -> AlikePeople:
        """Return rows of one district and the same sites as one; their order hangs on nothing else."""
        row, sites, first = merged_rows(self.sites, self.district + 1, self.people > 0)
        beyond = (row < 0) & (self.people > 0)
        where = np.unique(self.district[beyond])
        row[beyond] = len(first) + np.searchsorted(where, self.district[beyond])
        count = len(first) + len(where)
        there = row >= 0
        return AlikePeople(
            people=np.bincount(row[there], self.people[there], count).astype(np.float64),
            points=np.bincount(row[there], self.points[there], count).astype(np.int64),
            district=np.concatenate([self.district[first], where]),
            sites=Pairs(start=np.append(sites.start, np.full(len(where), sites.start[-1])), item=sites.item),
        )

    def take(self, rows: NDArray[np.intp]) -> AlikePeople:
        """Return some of the rows."""
        own = {name: getattr(self, name)[rows] for name in ("people", "points", "district")}
        return AlikePeople(**own, sites=self.sites.take(rows))

    @property
    def table(self) -> pa.Table:
        """The rows as a file has them."""
        sites = pa.ListArray.from_arrays(pa.array(self.sites.start, pa.int32()), pa.array(self.sites.item))
        return pa.table({"people": self.people, "points": self.points, "district": self.district, "sites": sites})
