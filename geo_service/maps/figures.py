"""Figures of a level's cells as the page takes them: values by code, classes, colours, words and units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True)
class Frames:
    """The same figure at many moments, for a slider.

    Attributes
    ----------
    labels : sequence of Label
        One a moment.
    state : sequence of int
        Row of ``values`` at each moment: moments that are alike share one.
    values : (states, n) float64
        In the order of the figures' ``values``; NaN for none.
    start : int
        Moment that is shown at first.
    """

    labels: Sequence[Label]
    state: Sequence[int]
    values: NDArray[np.float64]
    start: int = 0


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
    colors: Sequence[str] | None = None,
    class_labels: Sequence[Label] | None = None,
    frames: Frames | None = None,
    also: NDArray[np.float64] | None = None,
    hidden: Sequence[str] = (),
    hidden_below: int = 0,
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
    colors : sequence of str, optional
        Colours of the classes in the place of a palette; with ``breaks``.
    class_labels : sequence of Label, optional
        Words of the classes, where their limits say nothing; with ``breaks``.
    frames : Frames, optional
        The figure at other moments; all moments share the classes.
    also : array of float, optional
        Values of another map with which this one shares its classes.
    hidden : sequence of str
        Codes whose small counts are kept back; what the caller gives of them is left out here, and of what
        they are told is only that it is not.
    hidden_below : int
        The smallest count that is told.

    Returns
    -------
    bytes
        UTF-8 JSON: ``{"format", "title": {zh, en}, "unit": {zh, en}, "method", "method_label": {zh, en},
        "lowest", "breaks": [upper limits], "colors": [...], "percent", "values": {code: number | null},
        "extras": [{"title", "unit", "percent", "values"}], "note": {zh, en} | null,
        "class_labels": [{zh, en}] | null, "frames": {"labels", "state", "start", "codes", "values"} | null,
        "hidden": [codes], "hidden_below"}``.
    """
    secret = set(hidden)
    drawn = _rounded({code: None if code in secret else value for code, value in values.items()})
    numbers = np.array([v for v in drawn.values() if v is not None], dtype=np.float64)
    moving = _frames_json(frames, list(drawn), secret) if frames else None
    if frames is not None and breaks is None:
        shown = frames.values[:, [code not in secret for code in drawn]]
        numbers = np.concatenate([numbers, shown[np.isfinite(shown)]])
    if also is not None:
        numbers = np.concatenate([numbers, also])
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
            "colors": list(colors) if colors else classes.colors,
            "class_labels": [one.as_dict() for one in class_labels] if class_labels else None,
            "percent": percent,
            "note": note.as_dict() if note else None,
            "extras": [
                {
                    "title": extra.title.as_dict(),
                    "unit": extra.unit.as_dict(),
                    "percent": extra.percent,
                    "values": _rounded(
                        {code: None if code in secret else value for code, value in extra.values.items()}
                    ),
                }
                for extra in extras
            ],
            "values": drawn,
            "frames": moving,
            "hidden": sorted(secret),
            "hidden_below": hidden_below,
        }
    )


def _frames_json(frames: Frames, codes: list[str], secret: set[str]) -> dict[str, Any]:
    """Frames as the page takes them: three significant digits, null for none and for what is kept back."""
    values = np.array(frames.values, np.float64)
    values[:, [code in secret for code in codes]] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = 2 - np.floor(np.log10(np.abs(values)))
        scale = 10.0 ** np.where(np.isfinite(digits), np.clip(digits, -12, 12), 0)
    rounded = np.round(values * scale) / scale
    return {
        "labels": [label.as_dict() for label in frames.labels],
        "state": [int(one) for one in frames.state],
        "start": frames.start,
        "codes": codes,
        # orjson writes NaN as null; whole numbers without a point
        "values": [[int(v) if v == v // 1 else v for v in row] for row in rounded.tolist()],
    }


def _rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Values to four significant digits, which is more than a map shows; None where there is none."""
    return {
        code: float(f"{value:.4g}") if value is not None and np.isfinite(value) else None
        for code, value in values.items()
    }
