"""Who covers what: lists by site and by row, with rows alike put together."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]

#: Rows above which it is not asked whether one row's cover is part of another's.
MOST_ROWS_COMPARED = 6000


@dataclass(frozen=True)
class Lists:
    """Which sites cover which rows, both ways.

    Attributes
    ----------
    site_ptr, site_row : (m + 1,) int64, (k,) int32
        Rows of each site.
    row_ptr, row_site : (n + 1,) int64, (k,) int32
        Sites of each row, ascending.
    """

    site_ptr: NDArray[np.int64]
    site_row: NDArray[np.int32]
    row_ptr: NDArray[np.int64]
    row_site: NDArray[np.int32]

    @classmethod
    def of(cls, covers: csr_array) -> "Lists":
        """Make the lists of a matrix (rows, sites) that has an entry where a site covers a row."""
        by_row = csr_array(covers)
        by_row.sort_indices()
        by_site = by_row.tocsc()
        return cls(
            by_site.indptr.astype(np.int64),
            by_site.indices.astype(np.int32),
            by_row.indptr.astype(np.int64),
            by_row.indices.astype(np.int32),
        )

    @property
    def n_rows(self) -> int:
        """Count of rows."""
        return len(self.row_ptr) - 1

    @property
    def n_sites(self) -> int:
        """Count of sites."""
        return len(self.site_ptr) - 1

    @cached_property
    def matrix(self) -> csr_array:
        """The matrix (rows, sites) of ones."""
        ones = np.ones(len(self.row_site))
        return csr_array((ones, self.row_site, self.row_ptr), shape=(self.n_rows, self.n_sites))

    def counts(self, is_open: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return how many open sites cover each row."""
        counts: NDArray[np.int32] = (self.matrix @ is_open.astype(np.float64)).astype(np.int32)
        return counts


def within(time_ms: NDArray[np.int32], limit_ms: int, usable: NDArray[np.bool_]) -> csr_array:
    """Return which usable sites are within a limit of each row: a matrix (rows, sites).

    ``time_ms`` is (sites, rows).
    """
    near = time_ms <= limit_ms
    near[~usable] = False
    return csr_array(near.T)


def alike(covers: csr_array, kind: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for each row, the same for rows that the same sites cover and that are of one kind."""
    if covers.shape[0] == 0:
        return np.empty(0, np.int64)
    width = covers.shape[1]
    out = []
    for low in range(0, covers.shape[0], 8192):  # dense flags of few rows at a time
        part = covers[low : low + 8192]
        flags = np.zeros((part.shape[0], width), np.bool_)
        flags[np.repeat(np.arange(part.shape[0]), np.diff(part.indptr)), part.indices] = True
        out.append(np.packbits(flags, axis=1))
    signs = np.concatenate(
        [np.concatenate(out), np.ascontiguousarray(kind, np.int64).view(np.uint8).reshape(len(kind), 8)],
        axis=1,
    )
    rows = np.ascontiguousarray(signs).view(np.dtype((np.void, signs.shape[1]))).ravel()
    _, group = np.unique(rows, return_inverse=True)
    return np.asarray(group, dtype=np.int64)


def hardest(covers: csr_array, need: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return rows that are enough to look at: who covers them covers all others as often as they need."""
    group = alike(covers, np.zeros(covers.shape[0], np.int64))
    order = np.lexsort((-need, group))
    _, first = np.unique(group[order], return_index=True)
    kept = np.sort(order[first])
    if len(kept) > MOST_ROWS_COMPARED:
        return kept
    rows = covers[kept]
    size = np.diff(rows.indptr)
    common = (rows.astype(np.int32) @ rows.astype(np.int32).T).tocoo()
    inside = (common.data == size[common.row]) & (common.row != common.col)
    inside &= need[kept][common.row] >= need[kept][common.col]
    easier = np.zeros(len(kept), np.bool_)
    easier[common.col[inside]] = True  # no two rows are alike any more, so this cannot go round
    return kept[~easier]
