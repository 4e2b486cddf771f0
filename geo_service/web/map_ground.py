"""What the map of a page stands on, for pages that draw cells by themselves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MapGround:
    """Base map, cells and clock of a page.

    Attributes
    ----------
    tiles : str
        Address of the tiles of the base map, with ``{z}``, ``{x}`` and ``{y}``.
    edition : int
        The edition in force, 0 for none.
    mark : str
        Mark of its shapes, so that browsers keep them.
    zone : str
        The zone in which the town tells its moments.
    """

    tiles: str
    edition: int
    mark: str
    zone: str

    @property
    def values(self) -> dict[str, str]:
        """The values that a template fills in."""
        return {"tiles": self.tiles, "edition": str(self.edition), "mark": self.mark, "zone": self.zone}
