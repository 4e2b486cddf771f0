"""Rules about what a cell is rather than how it lies: people, parents, owners, codes."""

from collections.abc import Iterator, Sequence

from geo_service.errors import Words
from geo_service.geometry.rules_scene import Key, Scene
from geo_service.geometry.rules_settings import RuleSetting, RuleSettings
from geo_service.geometry.rules_words import say
from geo_service.model import Finding, Severity


def setting_of(
    scene: Scene, settings: RuleSettings, rule: str, key: Key
) -> tuple[RuleSetting, Severity] | None:
    """Return what holds of a rule for a cell with its severity, or None."""
    cell = scene.cells[key]
    setting = settings.of(rule, cell.level, cell.area_class, cell.kind)
    return None if setting is None or setting.severity is None else (setting, setting.severity)


def households(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """Households within the band; residents within theirs where households are unknown."""
    for key in keys:
        found = setting_of(scene, settings, "households", key)
        if found is None:
            continue
        setting, severity = found
        people, prefix, what = scene.people(key), "", "households"
        count = people.households
        if count is None:
            count, prefix, what = people.residents, "residents_", "residents"
        if count is None:
            continue
        low, high = setting.number(f"{prefix}low", 0.0), setting.number(f"{prefix}high", float("inf"))
        if low <= count <= high:
            continue
        bound = {"low": round(low), "missing": round(low - count)} if count < low else {}
        bound |= {"high": round(high), "over": round(count - high)} if count > high else {}
        limits = {f"{name}_{what}": setting.numbers[prefix + name] for name in ("low", "high")
                  if prefix + name in setting.numbers}  # fmt: skip
        yield say(
            "households",
            f"{what}_{'few' if count < low else 'many'}",
            severity,
            [key],
            names=scene.words(key),
            shape=scene.outline(key),
            numbers={what: count, **limits},
            count=count,
            **bound,
        )


def parent(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """Each cell but the top ones stands in one cell that exists, on a level above."""
    top = scene.levels[0].depth if scene.levels else 0
    for key in keys:
        found = setting_of(scene, settings, "parent", key)
        if found is None:
            continue
        above, depth = scene.cells[key].parent, scene.depth(key[0])
        if above is None:
            words = "orphan" if depth > top else None
        elif above not in scene.cells:
            words = "parent_missing"
        else:
            words = "parent_not_above" if scene.depth(above[0]) >= depth else None
        if words is not None:
            yield say(
                "parent",
                words,
                found[1],
                [key],
                names=scene.words(key),
                shape=scene.outline(key),
                parent=scene.words(above) if above is not None else "",
            )


def empty_cell(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """Each cell has land: a shape, or cells below it."""
    for key in keys:
        found = setting_of(scene, settings, "empty_cell", key)
        if found is not None and scene.outline(key).is_empty:
            yield say("empty_cell", "empty_cell", found[1], [key], names=scene.words(key))


def owner(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """Somebody answers for each cell on the effective date; silent when that is not known."""
    if scene.owned is None:
        return
    for key in keys:
        found = setting_of(scene, settings, "owner", key)
        if found is not None and key not in scene.owned:
            names, shape = scene.words(key), scene.outline(key)
            yield say("owner", "no_owner", found[1], [key], names=names, shape=shape)


def code(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """Codes fit the scheme; silent without one.

    Only a new cell's code must begin with its parent's: a code stays with its cell when that changes hands.
    """
    if scene.scheme is None:
        return
    for key in keys:
        found = setting_of(scene, settings, "code", key)
        if found is None:
            continue
        cell = scene.cells[key]
        is_new = scene.base is None or key not in scene.base
        above = cell.parent[1] if cell.parent is not None and is_new else None
        beside = scene.children.get(cell.parent, ()) if cell.parent is not None else ()
        siblings = [code for level, code in beside if level == cell.level and code != cell.code]
        for fault in (
            *scene.scheme.check(cell.code, cell.level, above),
            *scene.scheme.check_beside(cell.code, cell.level, siblings),
        ):
            yield say(
                "code",
                "code",
                found[1],
                [key],
                names=scene.words(key),
                shape=scene.outline(key),
                fault=(
                    fault.message,
                    fault.message.zh if isinstance(fault.message, Words) else fault.message,
                ),
            )


def code_reused(scene: Scene, keys: Sequence[Key], settings: RuleSettings) -> Iterator[Finding]:
    """Give new cells codes that never were; silent when the base is not known."""
    if scene.base is None:
        return
    for key in keys:
        if key in scene.base or key not in scene.codes_used:
            continue
        found = setting_of(scene, settings, "code_reused", key)
        if found is not None:
            names, shape = scene.words(key), scene.outline(key)
            yield say("code_reused", "code_reused", found[1], [key], names=names, shape=shape)
