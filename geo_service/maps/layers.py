"""Folium elements of ours: thematic cells, responders, heat, heading; scripts in ``static/js`` draw them.

What an element takes as its source is a mapping: ``{"url": address}`` for data the page fetches, or
``{"embedded": element id}`` for data inside the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from branca.element import MacroElement
from folium.elements import JSCSSMixin
from folium.map import Layer
from folium.template import Template

from geo_service.maps.figures import Label
from geo_service.maps.offline import CORE, own_script, safe_text, script_json

Source = Mapping[str, str]
_PANEL = own_script("js/panel.js")
_THEME_SCRIPTS = ("js/shapes.js", "js/cells.js", "js/panel.js", "js/theme.js")


@dataclass(frozen=True, slots=True)
class LevelSource:
    """Where the page finds one level.

    Attributes
    ----------
    code : str
        Code of the level.
    label : Label
        Its names.
    cells : int
        How many cells it has: the page chooses by itself the finest level that can be read at a zoom.
    shapes : Source
        What :func:`~geo_service.maps.shapes.encode_shapes` gives; an address may hold ``{detail}``.
    figures : mapping of measure code to Source
        What :func:`~geo_service.maps.figures.figures_json` gives.
    """

    code: str
    label: Label
    cells: int
    shapes: Source
    figures: Mapping[str, Source]


@dataclass(frozen=True, slots=True)
class Measure:
    """One of the figures between which the reader switches."""

    code: str
    label: Label


@dataclass(frozen=True, slots=True)
class PageLink:
    """An entry of the page's navigation; ``current`` marks the page it stands on."""

    label: Label
    url: str
    current: bool = False


def layer_name(label: Label) -> str:
    """Name of a layer in the control, which takes markup; what comes from data is escaped."""
    zh, en = safe_text(label.zh), safe_text(label.en)
    return f'<span lang="zh-CN">{zh}</span> <small lang="en">{en}</small>' if en and en != zh else zh


class ThemeLayer(JSCSSMixin, Layer):
    """Cells coloured by a figure, with legend, level switch and tooltips.

    Parameters
    ----------
    name : Label
        Name in the layer control.
    levels : sequence of LevelSource
        From the top down.
    measures : sequence of Measure
        At least one.
    bounds : (west, south, east, north)
        Degrees, of all cells.
    level : str
        Level shown at first; ``"auto"`` follows the zoom.
    labels : bool
        Write the figure into cells that have room.
    finest : str
        Finest level that ``"auto"`` takes; empty: the last.
    measure : str
        Code of the measure shown at first; empty: the first.
    after_heat : bool
        Fill cells only where the heat of a :class:`HeatLayer` has given way; before, draw outlines.
    """

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "var {{ this.get_name() }} = GeoService.themeLayer({{ this.config_json }});"
        "{% endmacro %}"
    )

    def __init__(
        self,
        name: Label,
        levels: Sequence[LevelSource],
        measures: Sequence[Measure],
        *,
        bounds: tuple[float, float, float, float],
        level: str = "auto",
        labels: bool = False,
        finest: str = "",
        after_heat: bool = False,
        measure: str = "",
    ) -> None:
        super().__init__(name=layer_name(name), overlay=True)
        self._name = "ThemeLayer"
        config = {
            "levels": [_level_config(one) for one in levels],
            "measures": [{"code": m.code, "label": m.label.as_dict()} for m in measures],
            "bounds": list(bounds),
            "level": level,
            "labels": labels,
            "finest": finest,
            "after_heat": after_heat,
            "measure": measure or measures[0].code,
        }
        self.config_json = script_json(config)
        self.default_js = [*CORE, *map(own_script, _THEME_SCRIPTS)]


class CompareLayer(JSCSSMixin, Layer):
    """Two themes of the same place, before to the left and after to the right of a bar that can be moved.

    Parameters
    ----------
    name : Label
    before, after : sequence of LevelSource
        The same levels of either; a level that only one has is not offered.
    words : (Label, Label)
        What stands to the left and to the right.
    measures, bounds, level, finest
        As for :class:`ThemeLayer`. The figures of both sides must have the same classes.
    """

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "var {{ this.get_name() }} = GeoService.compareLayer({{ this.config_json }});"
        "{% endmacro %}"
    )

    def __init__(
        self,
        name: Label,
        before: Sequence[LevelSource],
        after: Sequence[LevelSource],
        words: tuple[Label, Label],
        measures: Sequence[Measure],
        *,
        bounds: tuple[float, float, float, float],
        level: str = "auto",
        finest: str = "",
    ) -> None:
        super().__init__(name=layer_name(name), overlay=True)
        self._name = "CompareLayer"
        both = {one.code for one in before} & {one.code for one in after}
        config = {
            "sides": [
                {"label": label.as_dict(), "levels": [_level_config(one) for one in side if one.code in both]}
                for label, side in zip(words, (before, after), strict=True)
            ],
            "measures": [{"code": m.code, "label": m.label.as_dict()} for m in measures],
            "bounds": list(bounds),
            "level": level,
            "finest": finest,
        }
        self.config_json = script_json(config)
        self.default_js = [*CORE, *map(own_script, (*_THEME_SCRIPTS, "js/compare.js"))]


class AreasLayer(JSCSSMixin, Layer):
    """Areas over the cells, outlined and named, from :func:`~geo_service.maps.areas.areas_json`."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "var {{ this.get_name() }} = GeoService.areasLayer({{ this.config_json }});"
        "{% endmacro %}"
    )

    def __init__(self, label: Label, source: Source, *, color: str = "#b2182b", named: bool = True) -> None:
        super().__init__(name=layer_name(label), overlay=True)
        self._name = "AreasLayer"
        config = {"source": dict(source), "label": label.as_dict(), "color": color, "named": named}
        self.config_json = script_json(config)
        scripts = ("js/shapes.js", "js/panel.js", "js/areas.js")
        self.default_js = [*CORE, *map(own_script, scripts)]


@dataclass(frozen=True, slots=True)
class Choice:
    """A question that the reader may change on a served page: it is loaded anew with that in its address.

    Attributes
    ----------
    code : str
        Name of the parameter.
    label : Label
    value : str
        What it is now.
    options : sequence of (value, Label)
        Between which; without any the reader gives a moment (``moment``).
    """

    code: str
    label: Label
    value: str
    options: Sequence[tuple[str, Label]] = ()


class Choices(JSCSSMixin, MacroElement):
    """What the reader may change, and the way to save the page as one file; on served pages only."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "GeoService.choices({{ this._parent.get_name() }}, {{ this.config_json }});"
        "{% endmacro %}"
    )
    default_js = [*CORE, _PANEL, own_script("js/choices.js")]  # noqa: RUF012 - Folium's way

    def __init__(self, choices: Sequence[Choice], *, file_url: str = "") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Choices"
        self.config_json = script_json(
            {
                "file": file_url,
                "choices": [
                    {
                        "code": one.code,
                        "label": one.label.as_dict(),
                        "value": one.value,
                        "options": [{"value": v, "label": label.as_dict()} for v, label in one.options],
                    }
                    for one in choices
                ],
            }
        )


class UnitsLayer(JSCSSMixin, Layer):
    """Responders or stations as points, from :func:`~geo_service.maps.points.units_json`."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "var {{ this.get_name() }} = GeoService.unitsLayer({{ this.config_json }});"
        "{% endmacro %}"
    )

    def __init__(self, label: Label, source: Source, *, color: str = "#22303c") -> None:
        super().__init__(name=layer_name(label), overlay=True)
        self._name = "UnitsLayer"
        config = {"source": dict(source), "label": label.as_dict(), "color": color}
        self.config_json = script_json(config)
        self.default_js = [*CORE, _PANEL, own_script("js/overlays.js")]


class HeatLayer(JSCSSMixin, Layer):
    """Incidents as heat until one is so near that counts say more; from ``points.heat_json``."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "var {{ this.get_name() }} = GeoService.heatLayer({{ this.config_json }});"
        "{% endmacro %}"
    )

    def __init__(self, label: Label, source: Source) -> None:
        super().__init__(name=layer_name(label), overlay=True)
        self._name = "HeatLayer"
        config = {"source": dict(source), "label": label.as_dict()}
        self.config_json = script_json(config)
        scripts = ("js/shapes.js", "js/panel.js", "js/overlays.js")
        self.default_js = [("leaflet-heat.js", ""), *CORE, *map(own_script, scripts)]


class Heading(JSCSSMixin, MacroElement):
    """Title of the page; also prepares the map (panes, zoom, scale).

    A page without the shell, a single file, has the language switch here.
    """

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "GeoService.begin({{ this._parent.get_name() }}, {{ this.config_json }});\n"
        "GeoService.heading({{ this._parent.get_name() }}, {{ this.config_json }});"
        "{% endmacro %}"
    )
    default_js = [*CORE, _PANEL]  # noqa: RUF012 - Folium's way

    def __init__(
        self,
        title: Label,
        *,
        bounds: tuple[float, float, float, float],
        focus: tuple[float, float, float, float] | None = None,
        subtitle: Label | None = None,
        language_switch: bool = False,
        attribution: str = "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Heading"
        config = {
            "title": title.as_dict(),
            "subtitle": subtitle.as_dict() if subtitle else None,
            "bounds": list(bounds),
            "focus": list(focus or bounds),
            "attribution": attribution,
            "language_switch": language_switch,
        }
        self.config_json = script_json(config)


def _level_config(level: LevelSource) -> dict[str, Any]:
    """Describe a level for the script."""
    return {
        "code": level.code,
        "label": level.label.as_dict(),
        "cells": level.cells,
        "shapes": dict(level.shapes),
        "figures": {measure: dict(source) for measure, source in level.figures.items()},
    }
