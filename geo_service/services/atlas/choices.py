"""What the reader of a served map may change: the page is asked for anew with that in its address."""

from collections.abc import Callable, Sequence

from geo_service.maps.figures import Label
from geo_service.maps.layers import Choice
from geo_service.services.atlas.kinds import MODE_LABELS, MapKind, Scene
from geo_service.services.role_words import ROLE_NAMES
from geo_service.store import siting

_DAYS = (7, 30, 90, 365)
#: Whoever has no key may ask for these alone: each is worked out anew, which takes seconds.
OFFERED_LIMITS_S = (180, 300, 420, 600, 900)
_RUNS = 30


def choices_of(kind: MapKind, scene: Scene, settled: Sequence[str] = ()) -> list[Choice]:
    """Return the choices of a map: the moment, what the map asks for besides, and whether it is public.

    Without those that are ``settled`` by what is shown, and would change nothing.

    Plans are not among them: who may see a plan gives it in the address (``plan=7``).
    """
    made = [Choice("at", Label("时刻", "Moment"), scene.view.at.isoformat(timespec="minutes"))]
    made += [_MAKERS[name](scene) for name in kind.asks if name in _MAKERS]
    public = (("", Label("内部", "internal")), ("true", Label("公开", "public")))
    made.append(Choice("public", Label("用途", "For"), "true" if scene.view.smallest else "", public))
    return [one for one in made if one.code not in settled and (one.code == "at" or len(one.options) > 1)]


def _mode(scene: Scene) -> Choice:
    options = [(mode.value, label) for mode, label in MODE_LABELS.items()]
    return Choice("mode", Label("方式", "Mode"), scene.view.mode.value, options)


def _limit(scene: Scene) -> Choice:
    known = sorted({*OFFERED_LIMITS_S, scene.view.limit_s})
    options = [(str(one), Label(f"{one / 60:.4g} 分钟", f"{one / 60:.4g} min")) for one in known]
    return Choice("limit_s", Label("时限", "Limit"), str(scene.view.limit_s), options)


def _role(scene: Scene) -> Choice:
    options = [("", Label("全部", "all")), *ROLE_NAMES.items()]
    return Choice("role", Label("角色", "Role"), scene.view.role, options)


def _days(scene: Scene) -> Choice:
    known = sorted({*_DAYS, scene.view.days})
    options = [(str(one), Label(f"{one} 天", f"{one} days")) for one in known]
    return Choice("days", Label("跨度", "Span"), str(scene.view.days), options)


def _against(scene: Scene) -> Choice:
    numbers = [span.id for span in scene.tilings.spans() if span.id != scene.tiling.edition.id]
    first = ("", Label("上一版本", "edition before"))
    options = [first, *((str(one), Label(f"版本 {one}", f"edition {one}")) for one in numbers)]
    return Choice("against", Label("对照", "Against"), str(scene.view.against or ""), options)


def _siting(scene: Scene) -> Choice:
    with scene.database.reading() as connection:
        rows = [row for row in siting.every(connection, limit=_RUNS) if row.answer]
    last = ("", Label("最近一次", "the last"))
    options = [last, *((str(row.id), Label(f"选址 {row.id}", f"siting {row.id}")) for row in rows)]
    return Choice("siting", Label("选址", "Siting"), str(scene.view.siting or ""), options)


_MAKERS: dict[str, Callable[[Scene], Choice]] = {
    "mode": _mode,
    "limit_s": _limit,
    "role": _role,
    "days": _days,
    "against": _against,
    "siting": _siting,
}
