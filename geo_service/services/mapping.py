"""The maps' data and pages: shapes, figures and overlays of an edition, served or embedded in one file.

Which maps there are is said in :mod:`geo_service.services.atlas`; here they become answers, pages and files,
and here, in one place, a public map keeps small counts back.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, NotFoundError
from geo_service.maps import pages
from geo_service.maps.base_layer import base_features
from geo_service.maps.figures import Extra, Label, figures_json
from geo_service.maps.offline import Page
from geo_service.maps.shapes import FORMAT as SHAPES_FORMAT
from geo_service.maps.shapes import Detail, encode_shapes
from geo_service.model import Level
from geo_service.services.atlas.choices import choices_of
from geo_service.services.atlas.compare import other_tiling
from geo_service.services.atlas.kinds import Drawing, MapKind, Opening, OverlayKind, Scene, View, moment
from geo_service.services.atlas.registry import kind_of
from geo_service.services.atlas.staffing import parents_of
from geo_service.services.ground import Ground
from geo_service.services.plan_state import Plans
from geo_service.services.tiling import Tiling, Tilings
from geo_service.staffing.small_counts import Side, keep_back, keep_back_beside
from geo_service.store import assets, audit, boundaries, ground, heat, roads, siting, tiles
from geo_service.store.database import Database

#: Encoded shapes held in memory: five levels in three details, twice.
SHAPES_KEPT = 30
#: Bytes of encoded figures and overlays held in memory: all of a county's maps of one moment.
PARTS_KEPT_BYTES = 48_000_000

#: No map tells of incidents longer ago, except over a span that is asked for.
LONGEST_DAYS = 400

__all__ = ["Mapper", "View", "shapes_mark"]


class Mapper:
    """Makes the parts of maps from a database, its tilings and its ground."""

    def __init__(
        self,
        database: Database,
        ground: Ground,
        tilings: Tilings | None = None,
        plans: Plans | None = None,
    ) -> None:
        self._database = database
        self._ground = ground
        self._tilings = tilings or Tilings(database)
        self._plans = plans
        self._lock = threading.Lock()
        self._shapes: OrderedDict[tuple[int, str, Detail], bytes] = OrderedDict()
        self._parts: OrderedDict[Hashable, bytes] = OrderedDict()
        self._parts_bytes = 0

    def shapes(self, tiling: Tiling, level: str, detail: Detail) -> bytes:
        """Return a level's cells, encoded for the page; made once for each edition."""
        cells = tiling.at_level(level)
        key = (tiling.edition.id, level, detail)
        with self._lock:
            if key not in self._shapes:
                self._shapes[key] = encode_shapes(
                    cells["code"].tolist(),
                    cells["name"].tolist(),
                    cells["geom"].to_numpy(),
                    level=level,
                    edition=tiling.edition.id,
                    detail=detail,
                )
                while len(self._shapes) > SHAPES_KEPT:
                    self._shapes.popitem(last=False)
            return self._shapes[key]

    def figures(self, kind: str, tiling: Tiling, level: str, measure: str, view: View) -> bytes:
        """Return the figures of one map, level and measure.

        Raises
        ------
        NotFoundError
            There is no such map, measure or level.
        """
        map_kind = kind_of(kind)
        if measure not in {one.code for one in map_kind.measures}:
            names = ", ".join(one.code for one in map_kind.measures)
            raise NotFoundError(
                f"the map has no measure {measure!r}", [Fault("measure", f"use one of {names}")]
            )
        tiling.at_level(level)
        return self._figures(map_kind, self._scene(tiling, view), level, measure)

    def overlay(self, kind: str, tiling: Tiling, overlay: str, view: View) -> bytes:
        """Return what lies over the cells of a map.

        Raises
        ------
        NotFoundError
            The map has no such overlay, or has it not for the public.
        """
        known = {one.code: one for one in _shown_overlays(kind_of(kind), view)}
        if overlay not in known:
            names = ", ".join(known) or "-"
            raise NotFoundError(
                f"the map has no overlay {overlay!r}", [Fault("overlay", f"use one of {names}")]
            )
        return self._overlay(known[overlay], self._scene(tiling, view))

    def served_page(  # noqa: PLR0917 - what a page is made of
        self, kind: str, tiling: Tiling, view: View, links: Any, base_version: str, level: str = "auto"
    ) -> Page:
        """Return a page that fetches its data from this server, and opens with a level ("auto": by the zoom).

        The cells of a plan have no address of their own: they stand in the page.

        Raises
        ------
        NotFoundError
            The tiling has no such level, or what is asked for (edition, plan, siting run) is not there.
        """
        if level != "auto" and level not in tiling.levels:
            told = ", ".join(tiling.levels)
            raise NotFoundError(f"there is no level {level}; there are: {told}")
        map_kind, scene, opening = self._opened(kind, tiling, view)
        view = scene.view
        query = urlencode(view.query())
        sides = None
        before = tiling
        if map_kind.compares:
            other = scene.once(other_tiling)
            sides, before = self._sides(map_kind, scene, other or tiling)
        overlays = [
            self._page_overlay(one, f"/maps/overlays/{tiling.edition.id}/{kind}/{one.code}.json?{query}")
            for one in _shown_overlays(map_kind, view)
        ]
        return pages.theme_page(
            self._served_levels(map_kind, before, _against(view, before, tiling)),
            place=replace(self._place(tiling, view, links), focus=opening.focus),
            title=_title(map_kind, view),
            measures=map_kind.measures,
            base=pages.served_base(f"/maps/tiles/base/{{z}}/{{x}}/{{y}}.mvt?v={base_version}"),
            overlays=overlays,
            sides=sides,
            level=map_kind.level if level == "auto" else level,
            finest=map_kind.finest,
            labels=map_kind.labels,
            choices=choices_of(map_kind, scene, opening.settled),
            measure=opening.measure,
            file_url=f"/maps/{kind}/file?{query}",
        )

    def file_page(self, kind: str, tiling: Tiling, view: View) -> Page:
        """Return a page that holds everything it shows and asks for nothing."""
        map_kind, scene, opening = self._opened(kind, tiling, view)
        view, sides, before = scene.view, None, tiling
        if map_kind.compares:
            other = scene.once(other_tiling) or tiling
            after, before = (other, tiling) if other.edition.id <= 0 else (tiling, other)
            sides = pages.Sides(
                self._embedded_levels(map_kind, scene.on(after), before), _side_words(before, after)
            )
        overlays = [
            self._page_overlay(one, pages.Embedded(self._overlay(one, scene)))
            for one in _shown_overlays(map_kind, view)
        ]
        against = tiling if sides is not None else None
        return pages.theme_page(
            self._embedded_levels(map_kind, scene.on(before), against),
            place=replace(self._place(tiling, view, ()), focus=opening.focus),
            title=_title(map_kind, view),
            measures=map_kind.measures,
            base=pages.Embedded(self._base_features()),
            overlays=overlays,
            sides=sides,
            level=map_kind.level,
            finest=map_kind.finest,
            labels=map_kind.labels,
            measure=opening.measure,
        )

    def _opened(self, kind: str, tiling: Tiling, view: View) -> tuple[MapKind, Scene, Opening]:
        """Return a map, its scene at the moment that it tells of, and how its page opens."""
        map_kind, scene = kind_of(kind), self._scene(tiling, view)
        opening = map_kind.opening(scene)
        if opening.at is not None:
            scene = replace(scene, view=replace(view, at=opening.at))
        return map_kind, scene, opening

    def _scene(self, tiling: Tiling, view: View) -> Scene:
        return Scene(self._database, self._ground, self._tilings, tiling, view, self._plans)

    def _figures(self, kind: MapKind, scene: Scene, level: str, measure: str) -> bytes:
        key = ("figures", kind.code, level, measure)
        return self._kept(key, scene, lambda: self._draw(kind, scene, level, measure))

    def _draw(self, kind: MapKind, scene: Scene, level: str, measure: str) -> bytes:
        drawn = kind.draw(scene, level, measure)
        codes = scene.tiling.at_level(level)["code"].tolist()
        beside = scene.once(other_tiling) if kind.compares and scene.view.smallest else None
        secret = self._hidden(kind, scene, level, beside)
        hidden = [codes[i] for i in np.flatnonzero(secret).tolist()]
        return figures_json(
            _by_code(codes, drawn.values),
            title=drawn.title,
            unit=drawn.unit,
            method=drawn.method,
            breaks=drawn.breaks,
            palette=drawn.palette,
            reverse=drawn.reverse,
            percent=drawn.percent,
            extras=[
                Extra(one.title, one.unit, _by_code(codes, one.values), one.percent) for one in drawn.extras
            ],
            note=drawn.note,
            colors=drawn.colors,
            class_labels=drawn.class_labels,
            frames=drawn.frames,
            also=self._shown_of(kind, drawn, scene, level),
            hidden=hidden,
            hidden_below=scene.view.smallest,
        )

    def _hidden(
        self, kind: MapKind, scene: Scene, level: str, beside: Tiling | None = None
    ) -> NDArray[np.bool_]:
        """Return which cells a public map says nothing of; none of a map that is not public.

        ``beside`` is what is shown next to it: what the two tell together is kept back too.
        """
        tiling = scene.tiling
        out = np.zeros(int((tiling.cells["level"] == level).sum()), np.bool_)
        if not scene.view.smallest:
            return out
        smallest = scene.view.smallest
        for counts in kind.level_counts(scene, level):
            out |= (counts > 0) & (counts < smallest)
        others: list[Side | None] = []
        if beside is not None and level in beside.levels:
            others += _counted(kind, scene.on(beside), level)
        own = _counted(kind, scene, level)
        for side, other in zip(own, others or [None] * len(own), strict=True):
            if other is None:
                out |= keep_back(side.counts, side.parents, smallest=smallest)[-1]
            else:
                out |= keep_back_beside(side, other, smallest=smallest)[-1]
        return out

    def _shown_of(
        self, kind: MapKind, drawn: Drawing, scene: Scene, level: str
    ) -> NDArray[np.float64] | None:
        """Return what the classes are made of besides; a public map's legend does not tell what it hides."""
        if drawn.also is None or not scene.view.smallest or not len(drawn.also):
            return drawn.also
        other = scene.once(other_tiling)
        return (
            None if other is None else drawn.also[~self._hidden(kind, scene.on(other), level, scene.tiling)]
        )

    def _overlay(self, overlay: OverlayKind, scene: Scene) -> bytes:
        return self._kept(("overlay", overlay.code, overlay.make), scene, lambda: overlay.make(scene))

    def _kept(self, key: tuple[Hashable, ...], scene: Scene, make: Callable[[], bytes]) -> bytes:
        """Return what was made of the same inputs, or make it.

        Writing leaves a row in the audit, incidents have a mark of their own: when neither moved, nothing
        that a map tells of did. The cells of a plan move without either, and are drawn each time.
        """
        if scene.view.plan is not None or scene.tiling.edition.id <= 0:
            return make()
        view = scene.view
        whole = (
            *key,
            scene.tiling.edition.id,
            tuple(sorted(view.query().items())),
            view.smallest,
            view.places,
            scene.once(_marks),  # read before anything is made: what comes meanwhile moves the next page's
        )
        return self._made_once(whole, make)

    def _made_once(self, whole: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return what was made under a key, or make it; of all that is kept the longest unused goes."""
        with self._lock:
            if whole in self._parts:
                self._parts.move_to_end(whole)
                return self._parts[whole]
        made = make()
        with self._lock:
            self._parts_bytes += len(made) - len(self._parts.pop(whole, b""))
            self._parts[whole] = made
            while self._parts_bytes > PARTS_KEPT_BYTES and len(self._parts) > 1:
                self._parts_bytes -= len(self._parts.popitem(last=False)[1])
        return made

    def _page_overlay(self, one: OverlayKind, data: pages.Data) -> pages.Overlay:
        return pages.Overlay(one.kind, one.label, data, one.color, one.named)

    def _sides(self, kind: MapKind, scene: Scene, other: Tiling) -> tuple[pages.Sides, Tiling]:
        """Return what comes after, and the tiling before it; the cells of a plan stand in the page."""
        tiling = scene.tiling
        if other.edition.id <= 0:
            after: pages.Levels = self._embedded_levels(kind, scene.on(other), tiling)
            return pages.Sides(after, _side_words(tiling, other)), tiling
        after = self._served_levels(kind, tiling, _against(scene.view, tiling, other))
        return pages.Sides(after, _side_words(other, tiling)), other

    def _served_levels(self, kind: MapKind, tiling: Tiling, view: View) -> Any:
        edition = tiling.edition.id
        levels = [(one, int((tiling.cells["level"] == one.code).sum())) for one in self._levels(tiling)]
        return pages.served_levels(
            levels,
            f"/maps/shapes/{edition}?v={shapes_mark(tiling)}",
            f"/maps/figures/{edition}/{kind.code}?{urlencode(view.query())}",
            kind.measures,
        )

    def _embedded_levels(
        self, kind: MapKind, scene: Scene, other: Tiling | None
    ) -> list[pages.EmbeddedLevel]:
        """Return a tiling's levels with their figures; ``other`` is the side with the same classes."""
        tiling = scene.tiling
        if other is not None and scene.view.plan is None:
            scene = replace(scene, view=_against(scene.view, tiling, other))
        elif other is not None and tiling.edition.id <= 0:
            scene = replace(scene, view=replace(scene.view, plan=None, against=other.edition.id))
        return [
            pages.EmbeddedLevel(
                one,
                gpd.GeoDataFrame(
                    tiling.at_level(one.code)[["code", "name", "geom"]], geometry="geom", crs=4326
                ),
                {m.code: self._figures(kind, scene, one.code, m.code) for m in kind.measures},
            )
            for one in self._levels(tiling)
        ]

    def _base_features(self) -> bytes:
        """Return water, land cover, rail and main roads as one small GeoJSON."""
        with self._database.reading() as connection:
            version = tiles.base_version(connection)
        return self._made_once(("base", version), self._read_base_features)

    def _read_base_features(self) -> bytes:
        with self._database.reading() as connection:
            features = ground.features(connection)
            streets = roads.drawn(connection)
        frames = {
            layer: features[features["kind"].isin(list(kinds))]
            for layer, (kinds, _) in tiles.FEATURE_LAYERS.items()
            if layer != "places"
        }
        return base_features({**frames, "roads": streets})

    def _levels(self, tiling: Tiling) -> list[Level]:
        with self._database.reading() as connection:
            known = boundaries.levels(connection)
        return [level for level in known if level.code in tiling.levels]

    def _place(self, tiling: Tiling, view: View, links: Any) -> pages.Place:
        shapes = tiling.cells["geom"].to_numpy()[tiling.leaves]
        bounds = gpd.GeoSeries(shapes).total_bounds
        top = tiling.at_level(tiling.levels[0])
        name = str(top["name"].iloc[0]) if len(top) == 1 else ""
        edition = tiling.edition
        zh = [name, moment(view.at), f"边界版本 {edition.id}"]
        en = [name, moment(view.at), f"edition {edition.id}"]
        if view.smallest:
            zh.append(f"公开版：小于 {view.smallest} 的数不显示")
            en.append(f"public: counts below {view.smallest} kept back")
        return pages.Place(
            bounds=tuple(map(float, bounds)),  # type: ignore[arg-type]
            subtitle=Label("　".join(filter(None, zh)), "  ".join(filter(None, en))),
            links=links,
        )


def _marks(scene: Scene) -> tuple[Hashable, ...]:
    """Return what moves when anything that a map tells of is written."""
    view = scene.view
    with scene.database.reading() as connection:
        return (
            audit.last(connection),
            heat.version(connection, view.at - timedelta(days=max(view.days, LONGEST_DAYS)), view.at),
            siting.last(connection),
            assets.version(connection),
            ground.demand_version(connection),
        )


def _counted(kind: MapKind, scene: Scene, level: str) -> list[Side]:
    """Return what a map counts, from the top down to a level."""
    tiling = scene.tiling
    levels = tiling.levels[: tiling.levels.index(level) + 1]
    parents = [parents_of(scene, one) for one in levels]
    parents[0] = np.full(len(parents[0]), -1)
    names = [[f"{one}/{code}" for code in tiling.at_level(one)["code"]] for one in levels]
    return [Side([scene.up(one, leaves) for one in levels], parents, names) for leaves in kind.counts(scene)]


def _shown_overlays(kind: MapKind, view: View) -> Sequence[OverlayKind]:
    """Return the overlays of a map; those with people or cameras are not for the public."""
    return [one for one in kind.overlays if one.public or not view.smallest]


def _title(kind: MapKind, view: View) -> Label:
    return kind.title(view) if kind.title else kind.label


def _against(view: View, tiling: Tiling, other: Tiling) -> View:
    """Return the view under which a side's figures have the classes of both sides."""
    if other is tiling or other.edition.id <= 0:
        return view
    return replace(view, against=other.edition.id)


def _side_words(before: Tiling, after: Tiling) -> tuple[Label, Label]:
    def words(tiling: Tiling) -> Label:
        number = tiling.edition.id
        if number <= 0:
            return Label(f"方案 {-number}", f"plan {-number}")
        return Label(f"边界版本 {number}", f"edition {number}")

    return words(before), words(after)


def _by_code(codes: list[str], values: NDArray[np.float64]) -> dict[str, float | None]:
    return {str(code): float(v) if np.isfinite(v) else None for code, v in zip(codes, values, strict=True)}


def shapes_mark(tiling: Tiling) -> str:
    """Return a mark of the shapes of this edition of this installation: editions are numbered in each."""
    edition = tiling.edition
    words = f"{SHAPES_FORMAT} {edition.id} {edition.recorded_at.isoformat()} {len(tiling.cells)}"
    return hashlib.sha256(words.encode()).hexdigest()[:16]
