"""Staffing density 力量配备密度: how many people look after how much."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError

PER = {
    # column: (denominator, how many of it)
    "per_km2": ("area_km2", 1.0),
    "per_1000_residents": ("residents", 1000.0),
    "per_100_households": ("households", 100.0),
    "per_incident": ("incidents", 1.0),
}

REASON = {
    "area_km2": "no area",
    "residents": "no residents",
    "households": "no households",
    "incidents": "no incidents",
}


def staffing_density(
    staff_by_cell: ArrayLike,
    area_km2: ArrayLike | None = None,
    residents: ArrayLike | None = None,
    households: ArrayLike | None = None,
    incidents: ArrayLike | None = None,
    *,
    index: pd.Index | None = None,
) -> pd.DataFrame:
    """Return staff per km², per 1,000 residents, per 100 households and per incident, cell by cell.

    Parameters
    ----------
    staff_by_cell : (n,)
        Staff of each cell: heads, or shares of a head.
    area_km2, residents, households, incidents : (n,), optional
        What the staff look after; NaN where it is not known. What is left out is not known anywhere.
    index : Index, optional
        Of the answer, such as cell codes.

    Returns
    -------
    DataFrame
        ``staff``; ``per_km2``, ``per_1000_residents``, ``per_100_households``, ``per_incident`` float64,
        NaN where the quotient has no meaning, never infinite; and for each of them ``<name>_reason``: why it
        is NaN (``no residents``, ``residents not known``, ``staff not known``), ``""`` where it is a number.

    Raises
    ------
    InvalidInputError
        When arrays differ in length, or a value is negative or infinite.
    """
    given = {"area_km2": area_km2, "residents": residents, "households": households, "incidents": incidents}
    staff = np.atleast_1d(np.asarray(staff_by_cell, dtype=np.float64))
    faults: list[Fault] = []
    _check("staff_by_cell", staff, len(staff), faults)
    known: dict[str, NDArray[np.float64]] = {}
    for name, values in given.items():
        if values is None:
            known[name] = np.full(len(staff), np.nan)
            continue
        known[name] = np.atleast_1d(np.asarray(values, dtype=np.float64))
        _check(name, known[name], len(staff), faults)
    if faults:
        raise InvalidInputError("The figures for staffing density are not in order.", faults)
    out: dict[str, NDArray[np.float64] | NDArray[np.object_]] = {"staff": staff}
    for column, (name, many) in PER.items():
        out[column], out[f"{column}_reason"] = _quotient(staff, known[name], name, many)
    return pd.DataFrame(out, index=index)


def _quotient(
    staff: NDArray[np.float64], basis: NDArray[np.float64], name: str, many: float
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Staff for so many of a basis, and why it has no value where it has none."""
    reason = np.full(len(staff), "", object)
    reason[basis == 0] = REASON[name]
    reason[np.isnan(basis)] = f"{name} not known"
    reason[np.isnan(staff)] = "staff not known"
    value = np.full(len(staff), np.nan)
    fine = reason == ""
    with np.errstate(over="ignore"):
        value[fine] = staff[fine] / basis[fine] * many
    # a basis so small that the quotient leaves float64 is no basis
    beyond = fine & ~np.isfinite(value)
    value[beyond], reason[beyond] = np.nan, REASON[name]
    return value, reason


def _check(name: str, values: NDArray[np.float64], n: int, faults: list[Fault]) -> None:
    """Note negative and infinite values, and a wrong length."""
    if values.shape != (n,):
        faults.append(Fault(name, f"give one value for each of {n} cells", value=len(values)))
        return
    wrong = np.flatnonzero((values < 0) | np.isinf(values))[:20]
    faults.extend(
        Fault(name, "give a number of 0 or more", row=int(i) + 1, value=float(values[i])) for i in wrong
    )
