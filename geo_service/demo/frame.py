"""The ground under the demo county: local metres, the lattice of degrees, and the axis of the main valley.

Everything is designed in metres east and north of one origin and comes out in EPSG:4326 degrees on the
lattice of 2**-23 degree. The valley has coordinates of its own: ``s`` along it, ``t`` across it, with
``t = 0`` in the middle of the river, so that streets can follow the river and bend with it.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.demo.spec import DemoSpec

Floats = NDArray[np.float64]

ORIGIN_LON_DEG, ORIGIN_LAT_DEG = 118.9, 28.9
UNIT_DEG = 2.0**-23
# metres in a degree of longitude and latitude at the origin, on the WGS84 ellipsoid
_A_M, _E2 = 6378137.0, 0.0066943799901413165
_SIN2 = np.sin(np.radians(ORIGIN_LAT_DEG)) ** 2
M_PER_DEG_LON = float(
    np.radians(1.0) * _A_M * np.cos(np.radians(ORIGIN_LAT_DEG)) / np.sqrt(1.0 - _E2 * _SIN2)
)
M_PER_DEG_LAT = float(np.radians(1.0) * _A_M * (1.0 - _E2) / (1.0 - _E2 * _SIN2) ** 1.5)


def to_degrees(xy_m: Floats) -> Floats:
    """Turn ``(n, 2)`` local metres into lon, lat degrees on the lattice."""
    scale = np.array([M_PER_DEG_LON, M_PER_DEG_LAT]) * UNIT_DEG
    origin = np.round(np.array([ORIGIN_LON_DEG, ORIGIN_LAT_DEG]) / UNIT_DEG)
    return np.asarray((np.round(np.asarray(xy_m, dtype=np.float64) / scale) + origin) * UNIT_DEG)


def to_metres(lonlat_deg: Floats) -> Floats:
    """Turn ``(n, 2)`` lon, lat degrees into local metres."""
    scale = np.array([M_PER_DEG_LON, M_PER_DEG_LAT])
    return np.asarray((lonlat_deg - np.array([ORIGIN_LON_DEG, ORIGIN_LAT_DEG])) * scale)


def geometry_to_degrees(geoms: NDArray[np.object_]) -> NDArray[np.object_]:
    """Move geometries from local metres to degrees on the lattice, dropping vertices that fall together."""
    moved = shapely.transform(geoms, to_degrees)
    return np.asarray(shapely.set_precision(moved, UNIT_DEG), dtype=object)


@dataclass(frozen=True, slots=True)
class Waves:
    """A smooth random function of one variable: a sum of sines, fixed by its numbers."""

    amplitude: Floats
    wavelength_m: Floats
    phase: Floats

    def __call__(self, s: Floats) -> Floats:
        """Evaluate at positions ``s`` in metres."""
        angle = 2.0 * np.pi * np.asarray(s)[..., None] / self.wavelength_m + self.phase
        return np.asarray((self.amplitude * np.sin(angle)).sum(axis=-1))

    @staticmethod
    def draw(rng: np.random.Generator, amplitude_m: float, wavelength_m: float, n: int = 4) -> "Waves":
        """Draw ``n`` sines around a wavelength, with a total amplitude near ``amplitude_m``."""
        lengths = wavelength_m * np.exp(rng.uniform(-0.45, 0.35, n))
        share = rng.dirichlet(np.full(n, 2.0))
        return Waves(amplitude_m * 1.3 * np.sqrt(share), lengths, rng.uniform(0.0, 2.0 * np.pi, n))


@dataclass(frozen=True, slots=True)
class Valley:
    """The main valley: its axis, the meanders of its river, and the way from (s, t) to metres and back."""

    angle_rad: float
    bend: Waves
    meander: Waves
    wobble: Waves
    calm_half_m: float
    reach_m: float

    def river_offset(self, s: Floats) -> Floats:
        """Return how far the river swings from the axis at ``s``; it runs calmer through the seat."""
        calm = 1.0 - 0.6 * np.exp(-((np.asarray(s) / self.calm_half_m) ** 2))
        return np.asarray(self.meander(s) * calm)

    def to_xy(self, s: Floats, t: Floats) -> Floats:
        """Map valley coordinates to ``(n, 2)`` local metres."""
        s, t = np.broadcast_arrays(np.asarray(s, float), np.asarray(t, float))
        across = t + self.bend(s) + self.river_offset(s) * np.exp(-((t / self.reach_m) ** 2))
        along = s + self.wobble(t + 0.35 * s) * np.clip(np.abs(t) / 300.0, 0.0, 1.0)
        cos, sin = np.cos(self.angle_rad), np.sin(self.angle_rad)
        return np.stack([cos * along - sin * across, sin * along + cos * across], axis=-1)

    def to_st(self, xy_m: Floats) -> tuple[Floats, Floats]:
        """Map local metres back to valley coordinates (a few rounds of iteration, to well under a metre)."""
        cos, sin = np.cos(self.angle_rad), np.sin(self.angle_rad)
        along, across = xy_m[..., 0] * cos + xy_m[..., 1] * sin, xy_m[..., 1] * cos - xy_m[..., 0] * sin
        s, t = along.copy(), across - self.bend(along)
        for _ in range(8):
            t = across - self.bend(s) - self.river_offset(s) * np.exp(-((t / self.reach_m) ** 2))
            s = along - self.wobble(t + 0.35 * s) * np.clip(np.abs(t) / 300.0, 0.0, 1.0)
        return s, t

    def heading(self, s: Floats, t: Floats) -> Floats:
        """Return the direction in radians in which ``s`` grows on the ground."""
        step = self.to_xy(np.asarray(s) + 5.0, t) - self.to_xy(np.asarray(s) - 5.0, t)
        return np.asarray(np.arctan2(step[..., 1], step[..., 0]))

    @staticmethod
    def draw(rng: np.random.Generator, spec: DemoSpec) -> "Valley":
        """Draw a valley for the extent of ``spec``."""
        return Valley(
            angle_rad=float(np.radians(rng.uniform(8.0, 14.0))),
            bend=Waves.draw(rng, spec.bend_m, spec.frame_w_m * 0.55, 3),
            meander=Waves.draw(rng, spec.meander_m, spec.meander_length_m, 4),
            wobble=Waves.draw(rng, 9.0, 900.0, 3),
            calm_half_m=spec.seat_half_m * 1.3,
            reach_m=spec.meander_reach_m,
        )
