"""How far a publication is: its phases, and whom to tell."""

from collections.abc import Callable
from enum import StrEnum


class Phase(StrEnum):
    """What is being done, in the order in which it is done; the counts are of what stands behind each."""

    PROOF = "proof"  #: the whole tiling is checked: leaves
    CELLS = "cells"  #: versions of the cells that changed are written
    INCIDENTS = "incidents"  #: incidents around changed land are placed anew
    LINEAGE = "lineage"  #: what cells passed on to others: rows of lineage

    @property
    def words(self) -> str:
        """What a person reads on the command line."""
        return _WORDS[self]


_WORDS = {
    Phase.PROOF: "checking the whole tiling",
    Phase.CELLS: "writing cells",
    Phase.INCIDENTS: "placing incidents anew",
    Phase.LINEAGE: "tracing where land went",
}

#: Told the phase, how many are done in it, and of how many.
Progress = Callable[[Phase, int, int], None]


def silent(phase: Phase, done: int, total: int) -> None:
    """Say nothing."""
    del phase, done, total
