"""What a report looks like over HTTP, whichever door it comes in by."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

from geo_service.api.moments import Moment
from geo_service.services import reporting

Key = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*\w[^\x00-\x1f]*$"
    ),
]
#: No control characters but tab and line ends: they are in no workbook.
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"),
]
Accuracy = Annotated[float, Field(ge=0.01, le=100_000, allow_inf_nan=False)]
Floor = Annotated[int, Field(ge=-20, le=200)]
Urgency = Literal["low", "normal", "urgent", "critical"]
Channel = Literal["call", "hotline", "worker", "sensor", "web"]


class PlaceGiven(BaseModel):
    """Where something lies: a point with its datum, a building, a cell, or nothing."""

    model_config = ConfigDict(extra="forbid")

    lon: FiniteFloat | None = Field(None, description="Longitude, or easting in a projected CRS")
    lat: FiniteFloat | None = None
    crs: str = Field("WGS84", max_length=20, description="WGS84, CGCS2000, GCJ02, BD09 or EPSG:n")
    building: Key | None = Field(None, description="Id of a building, from /v1/addresses")
    level: Annotated[str, Field(max_length=32)] | None = Field(None, description="Level of cell_code")
    cell_code: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="Where no point is known: the cell"
    )

    def place(self) -> reporting.Place:
        """Return it as the services take it."""
        return reporting.Place(self.lon, self.lat, self.crs, self.building, self.level, self.cell_code)


class Report(PlaceGiven):
    """What happened, and where: a point, a building, a cell, or nothing (then it waits to be located)."""

    source_id: Key | None = Field(
        None, description="The source's own id; the same one sent again is the same incident"
    )
    occurred_at: Moment
    accuracy_m: Accuracy | None = Field(
        None, description="Radius that holds the true place with a probability of 68 %"
    )
    floor: Floor | None = None
    category: Text = ""
    urgency: Urgency | None = Field(None, description="Without it: what the category usually has")
    channel: Channel = "web"
    address: Text = ""

    def made(self, source_id: str) -> reporting.Report:
        """Return it as the services take it."""
        return reporting.Report(
            source_id=source_id,
            occurred_at=self.occurred_at,
            place=self.place(),
            accuracy_m=self.accuracy_m,
            floor=self.floor,
            category=self.category,
            urgency=self.urgency,
            channel=self.channel,
            address=self.address,
        )
