"""Supervision cards 督办 and the whistle ladder 吹哨报到: what is issued when, and who is called next.

A card is yellow while most of a clock's time is gone, red once all of it is. Each card climbs its ladder: the
first rung is called when it is issued, the next when nobody has acknowledged in time; once somebody has, a
clock of (by default) 24 hours runs until it is answered, and the next rung is called when that runs out.
The rules are data (:class:`Rules`); who stands on a rung is found by geography, from the cell upwards.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from geo_service.errors import ConflictError, Fault, InvalidInputError, Words
from geo_service.staffing.clocks import Phase

#: Who is asked by another level answers within a day.
REQUEST_S = 24 * 3600
LONGEST_S = 30 * 24 * 3600
MOST_RUNGS = 12


class Colour(StrEnum):
    """How bad a card is."""

    YELLOW = "yellow"  # most of the time is gone
    RED = "red"  # all of it is


class Stage(StrEnum):
    """Where an escalation stands."""

    CALLED = "called"
    ACKNOWLEDGED = "acknowledged"
    ARRIVED = "arrived"  # 报到: who was called is there
    ANSWERED = "answered"
    LIFTED = "lifted"  # its reason is gone: the clock was met, the incident has ended


class Act(StrEnum):
    """What people do with an escalation."""

    ACKNOWLEDGE = "acknowledge"
    ARRIVE = "arrive"
    ANSWER = "answer"


#: Of an escalation in one of these nobody waits for anything.
OVER = frozenset({Stage.ANSWERED, Stage.LIFTED})

STAGES_ZH: Mapping[Stage, str] = {
    Stage.CALLED: "已吹哨",
    Stage.ACKNOWLEDGED: "已接收",
    Stage.ARRIVED: "已报到",
    Stage.ANSWERED: "已反馈",
    Stage.LIFTED: "已解除",
}

_ACTS: Mapping[Act, tuple[frozenset[Stage], Stage]] = {
    Act.ACKNOWLEDGE: (frozenset({Stage.CALLED}), Stage.ACKNOWLEDGED),
    Act.ARRIVE: (frozenset({Stage.CALLED, Stage.ACKNOWLEDGED}), Stage.ARRIVED),
    Act.ANSWER: (frozenset({Stage.CALLED, Stage.ACKNOWLEDGED, Stage.ARRIVED}), Stage.ANSWERED),
}


@dataclass(frozen=True, slots=True)
class Rung:
    """Who is called, and how long is waited for him.

    Attributes
    ----------
    level : str
        Of the cell whose holders are called; "" for the next cell upwards that somebody holds.
    roles : tuple of str
        Only holders in one of these roles; empty: in any.
    after_s : int
        The next rung is called so long after this one, if nobody has acknowledged.
    """

    level: str = ""
    roles: tuple[str, ...] = ()
    after_s: int = 300


@dataclass(frozen=True, slots=True)
class Step:
    """A cell on the way up, and the roles in which it is held."""

    cell_id: int
    level: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is issued, and who is called.

    Attributes
    ----------
    cards : mapping
        The ladder of each phase and colour; without a rung no such card is issued.
    whistle : tuple of Rung
        Above those who are called by hand, when they do not answer.
    request_s : int
        How long whoever has acknowledged, or is asked by hand, may take to answer.
    """

    cards: Mapping[tuple[Phase, Colour], tuple[Rung, ...]]
    whistle: tuple[Rung, ...]
    request_s: int = REQUEST_S

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Self:
        """Return the rules that come with the program, with what is given in their places.

        Parameters
        ----------
        given : mapping
            ``request_s``, ``whistle`` (rungs) and ``cards``: for each phase rungs for yellow and red. A rung
            is ``{"level": "", "roles": [], "after_s": 300}``; an empty list turns a card off.

        Raises
        ------
        InvalidInputError
            One fault for each thing that cannot be.
        """
        faults: list[Fault] = []
        unknown = set(given) - {"cards", "whistle", "request_s"}
        faults += [
            Fault(str(name)[:80], Words("use cards, whistle, request_s", "可用 cards、whistle、request_s"))
            for name in sorted(map(str, unknown))
        ]
        cards = dict(DEFAULT.cards)
        by_phase = given.get("cards", {})
        for phase, colours in by_phase.items() if isinstance(by_phase, Mapping) else [("", None)]:
            if phase not in set(Phase) or not isinstance(colours, Mapping):
                faults.append(
                    Fault(
                        "cards",
                        Words(
                            f"give rungs for each of: {', '.join(Phase)}",
                            f"请为每个阶段给出级别：{'、'.join(Phase)}",
                        ),
                        value=phase,
                    )
                )
                continue
            for colour, rungs in colours.items():
                where = f"cards.{phase}.{colour}"
                if colour not in set(Colour):
                    faults.append(
                        Fault(
                            where,
                            Words(f"use one of: {', '.join(Colour)}", f"请选择其一：{'、'.join(Colour)}"),
                        )
                    )
                else:
                    cards[Phase(phase), Colour(colour)] = _rungs(rungs, where, faults)
        whistle = _rungs(given["whistle"], "whistle", faults) if "whistle" in given else DEFAULT.whistle
        request_s = given.get("request_s", DEFAULT.request_s)
        if not _is_span(request_s):
            faults.append(Fault("request_s", _SPAN, value=request_s))
        if faults:
            raise InvalidInputError(Words("the rules of escalation are not in order", "督办规则有误"), faults)
        return cls(cards, whistle, request_s)

    def as_mapping(self) -> dict[str, Any]:
        """Return the rules as :meth:`from_mapping` takes them."""
        return {
            "cards": {
                phase.value: {
                    colour.value: rung_objects(self.cards.get((phase, colour), ())) for colour in Colour
                }
                for phase in Phase
            },
            "whistle": rung_objects(self.whistle),
            "request_s": self.request_s,
        }


_SPAN = Words(f"give whole seconds from 1 to {LONGEST_S}", f"请给出 1 到 {LONGEST_S} 之间的整数（秒）")

#: Grid, community, township for a county; whatever the levels are called, the holders of cell after cell.
DEFAULT = Rules(
    cards={
        (Phase.ARRIVE, Colour.YELLOW): (Rung(after_s=60),),
        (Phase.ARRIVE, Colour.RED): (Rung(after_s=120), Rung(after_s=300), Rung(after_s=900)),
        (Phase.HANDLE, Colour.YELLOW): (Rung(after_s=600),),
        (Phase.HANDLE, Colour.RED): (Rung(after_s=600), Rung(after_s=1800), Rung(after_s=3600)),
        (Phase.CLOSE, Colour.YELLOW): (Rung(after_s=1800),),
        (Phase.CLOSE, Colour.RED): (Rung(after_s=1800), Rung(after_s=3600), Rung(after_s=7200)),
    },
    whistle=(Rung(after_s=3600), Rung(after_s=3600)),
)


def rung_objects(rungs: Sequence[Rung]) -> list[dict[str, Any]]:
    """Return rungs as JSON objects; :func:`rungs_from` takes them back."""
    return [{"level": one.level, "roles": list(one.roles), "after_s": one.after_s} for one in rungs]


def rungs_from(objects: Sequence[Mapping[str, Any]]) -> tuple[Rung, ...]:
    """Return the rungs that :func:`rung_objects` wrote."""
    return tuple(Rung(one["level"], tuple(one["roles"]), one["after_s"]) for one in objects)


def _rungs(given: Any, where: str, faults: list[Fault]) -> tuple[Rung, ...]:
    if not isinstance(given, list) or len(given) > MOST_RUNGS:
        faults.append(
            Fault(
                where, Words(f"give a list of up to {MOST_RUNGS} rungs", f"请给出至多 {MOST_RUNGS} 级的列表")
            )
        )
        return ()
    out = []
    for number, one in enumerate(given):
        at = f"{where}[{number}]"
        if not isinstance(one, Mapping) or set(one) - {"level", "roles", "after_s"}:
            faults.append(Fault(at, Words("give level, roles, after_s", "请给出 level、roles、after_s")))
            continue
        level, roles, after_s = one.get("level", ""), one.get("roles", []), one.get("after_s", 300)
        if not isinstance(level, str):
            faults.append(
                Fault(
                    f"{at}.level",
                    Words("give the code of a level, or an empty text", "请给出层级代码，或留空"),
                )
            )
        elif not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            faults.append(Fault(f"{at}.roles", Words("give a list of roles", "请给出角色列表")))
        elif not _is_span(after_s):
            faults.append(Fault(f"{at}.after_s", _SPAN, value=after_s))
        else:
            out.append(Rung(level, tuple(roles), after_s))
    return tuple(out)


def _is_span(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LONGEST_S


@dataclass(frozen=True, slots=True)
class Called:
    """Which rung is called, and at which step of the way up it stands."""

    rung: int
    step: int


def next_call(rungs: Sequence[Rung], way: Sequence[Step], *, rung: int, above: int = -1) -> Called | None:
    """Return who is called next: of the rungs from one on the first on which somebody stands.

    Parameters
    ----------
    rungs : sequence of Rung
        The ladder.
    way : sequence of Step
        The cells from the incident's upwards.
    rung : int
        The first that may be called.
    above : int
        The step that was called last, -1 for none: a rung without a level is looked for above it. One with a
        level is called even if that is not higher.

    Returns
    -------
    Called or None
        None when nobody is left.
    """
    for number in range(rung, len(rungs)):
        one = rungs[number]
        for at, step in enumerate(way):
            fits = step.level == one.level if one.level else at > above
            if fits and step.roles and (not one.roles or step.roles & set(one.roles)):
                return Called(number, at)
    return None


def after_act(stage: Stage, act: Act) -> Stage:
    """Return where an escalation stands after an act.

    Raises
    ------
    ConflictError
        It does not stand where this act starts.
    """
    sources, to = _ACTS[act]
    if stage not in sources:
        words = Words(
            f"an escalation that is {stage} cannot take {act}", f"该督办{STAGES_ZH[stage]}，不能再这样做"
        )
        raise ConflictError(words, [Fault("act", words, value=stage.value)])
    return to


def climbs_at(
    stage: Stage, rung: Rung | None, now: datetime, *, request_s: int, by_hand: bool
) -> datetime | None:
    """Return when the next rung is called if nothing happens before; None: never.

    Cards wait for an acknowledgement as long as their rung says, then for the answer; who is called by hand
    has the whole time for his answer.
    """
    if stage in OVER:
        return None
    if stage is Stage.CALLED and not by_hand and rung is not None:
        return now + timedelta(seconds=rung.after_s)
    return now + timedelta(seconds=request_s)


def roles_held(people: Collection[Mapping[str, Any]]) -> frozenset[str]:
    """Return the roles of those who hold a cell."""
    return frozenset(str(one["role"]) for one in people)
