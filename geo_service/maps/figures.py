"""Figures of a level's cells as the page takes them: values by code, classes, colours, words and units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson

from geo_service.maps.classes import Method, classify

FORMAT = "geo-service-figures/1"


@dataclass(frozen=True, slots=True)
class Label:
    """Words in Chinese and in English."""

    zh: str
    en: str

    def as_dict(self) -> dict[str, str]:
        """Return ``{"zh", "en"}``."""
        return {"zh": self.zh, "en": self.en}


METHOD_LABELS = {
    Method.QUANTILES: Label("分位数分级", "quantiles"),
    Method.FISHER_JENKS: Label("自然断点分级", "natural breaks (Fisher–Jenks)"),
    Method.EQUAL: Label("等距分级", "equal intervals"),
    Method.GIVEN: Label("固定分级", "fixed classes"),
}


@dataclass(frozen=True, slots=True)
class Extra:
    """One more line of the tooltip: a figure of each cell that is not drawn."""

    title: Label
    unit: Label
    values: Mapping[str, float | None] = field(default_factory=dict)
    percent: bool = False


def figures_json(
    values: Mapping[str, float | None],
    *,
    title: Label,
    unit: Label,
    method: Method | str = Method.QUANTILES,
    count: int = 6,
    breaks: Sequence[float] | None = None,
    palette: str = "YlGnBu",
    reverse: bool = False,
    percent: bool = False,
    extras: Sequence[Extra] = (),
    note: Label | None = None,
) -> bytes:
    """Encode the figures of one level for the page.

    Parameters
    ----------
    values : mapping of cell code to number
        None, NaN or a missing code is shown as "no data".
    title, unit : Label
        What is shown, and its unit (empty for a bare number).
    method, count, breaks, palette, reverse
        As for :func:`~geo_service.maps.classes.classify`.
    percent : bool
        Values are shares from 0 to 1, shown as percentages.
    extras : sequence of Extra
        Further lines of the tooltip.
    note : Label, optional
        One line under the legend: moment, mode, source.

    Returns
    -------
    bytes
        UTF-8 JSON: ``{"format", "title": {zh, en}, "unit": {zh, en}, "method", "method_label": {zh, en},
        "lowest", "breaks": [upper limits], "colors": [...], "percent", "values": {code: number | null},
        "extras": [{"title", "unit", "percent", "values"}], "note": {zh, en} | null}``.
    """
    drawn = _rounded(values)
    numbers = np.array([v for v in drawn.values() if v is not None], dtype=np.float64)
    classes = classify(numbers, method, count=count, breaks=breaks, palette=palette, reverse=reverse)
    return orjson.dumps(
        {
            "format": FORMAT,
            "title": title.as_dict(),
            "unit": unit.as_dict(),
            "method": classes.method.value,
            "method_label": METHOD_LABELS[classes.method].as_dict(),
            "lowest": classes.lowest,
            "breaks": classes.breaks,
            "colors": classes.colors,
            "percent": percent,
            "note": note.as_dict() if note else None,
            "extras": [
                {
                    "title": extra.title.as_dict(),
                    "unit": extra.unit.as_dict(),
                    "percent": extra.percent,
                    "values": _rounded(extra.values),
                }
                for extra in extras
            ],
            "values": drawn,
        }
    )


def _rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Values to four significant digits, which is more than a map shows; None where there is none."""
    return {
        code: float(f"{value:.4g}") if value is not None and np.isfinite(value) else None
        for code, value in values.items()
    }
