"""Cost matrices of any tool: dense with infinite costs, or any of scipy's sparse kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from accessibility.errors import InputError


def read_costs(costs: Any) -> sparse.csr_array:
    """Return the pairs within reach as CSR, ascending, stored zeros kept."""
    if hasattr(costs, "tocoo"):  # any of scipy's sparse kinds
        pairs: Any = costs.tocoo()
        rows, columns, data, shape = pairs.row, pairs.col, np.asarray(pairs.data, dtype=np.float64), pairs.shape
        reach = ~np.isposinf(data)
        rows, columns, data = rows[reach], columns[reach], data[reach]
        order = np.lexsort((columns, rows))
        rows, columns, data = rows[order], columns[order], data[order]
    else:
        dense = np.asarray(costs, dtype=np.float64)
        if dense.ndim != 2:  # noqa: PLR2004 -- sites by demand
            msg = f"costs has shape {dense.shape}; expected a row a site and a column a demand point"
            raise InputError(msg)
        reach = ~np.isposinf(dense)
        if reach.all():
            s, n = dense.shape
            columns = np.tile(np.arange(n, dtype=np.int32), s)
            return sparse.csr_array((dense.ravel(), columns, np.arange(s + 1) * n), shape=(s, n))
        rows, columns = np.nonzero(reach)
        data, shape = dense[reach], dense.shape
    twice = int(((np.diff(rows) == 0) & (np.diff(columns) == 0)).sum())
    if twice:
        msg = f"{twice} pairs of the sparse costs stand twice; expected each pair once"
        raise InputError(msg)
    start = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    return sparse.csr_array((data, columns, start), shape=shape)
