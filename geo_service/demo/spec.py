"""How large the demo is: every count and extent of the two sizes, as data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DemoSpec:
    """Counts and extents of one size of the demo.

    The frame is the rectangle in which terrain is made; the county is the part of it that drains to the
    main river between two points. ``seat`` is the town on the river: half its length along the valley and
    its depth north and south of the river.
    """

    size: str
    frame_w_m: float
    frame_h_m: float
    river_half_m: float
    river_width_m: float
    bend_m: float
    meander_m: float
    meander_length_m: float
    meander_reach_m: float
    plain_m: float
    relief_wavelength_m: float
    seat_half_m: float
    seat_north_m: float
    seat_south_m: float
    rail_t_m: float
    n_streams: int
    n_townships: int
    n_subdistricts: int
    n_communities: int
    n_urban: int
    n_market_towns: int
    n_grids: int
    n_urban_grids: int
    n_micro_grids: int
    n_incidents: int
    open_spacing_m: float

    @property
    def n_villages(self) -> int:
        """Communities outside the seat: villages, and the market towns of the townships."""
        return self.n_communities - self.n_urban


TOWN = DemoSpec(
    size="town",
    frame_w_m=7600.0,
    frame_h_m=6400.0,
    river_half_m=2300.0,
    river_width_m=74.0,
    bend_m=260.0,
    meander_m=230.0,
    meander_length_m=2900.0,
    meander_reach_m=420.0,
    plain_m=820.0,
    relief_wavelength_m=2100.0,
    seat_half_m=760.0,
    seat_north_m=560.0,
    seat_south_m=300.0,
    rail_t_m=655.0,
    n_streams=2,
    n_townships=1,
    n_subdistricts=0,
    n_communities=4,
    n_urban=2,
    n_market_towns=0,
    n_grids=14,
    n_urban_grids=9,
    n_micro_grids=340,
    n_incidents=4_000,
    open_spacing_m=62.0,
)

COUNTY = DemoSpec(
    size="county",
    frame_w_m=58_000.0,
    frame_h_m=47_000.0,
    river_half_m=21_500.0,
    river_width_m=130.0,
    bend_m=2600.0,
    meander_m=620.0,
    meander_length_m=5600.0,
    meander_reach_m=1500.0,
    plain_m=1700.0,
    relief_wavelength_m=6500.0,
    seat_half_m=2350.0,
    seat_north_m=1180.0,
    seat_south_m=700.0,
    rail_t_m=1340.0,
    n_streams=95,
    n_townships=19,
    n_subdistricts=3,
    n_communities=279,
    n_urban=30,
    n_market_towns=9,
    n_grids=497,
    n_urban_grids=117,
    n_micro_grids=14_199,
    n_incidents=60_000,
    open_spacing_m=115.0,
)

SPECS = {"town": TOWN, "county": COUNTY}
