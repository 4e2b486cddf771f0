"""The proof: branch and bound over sites, with bounds by Lagrangian prices. All costs are to be small.

A node says of each site that it is open, shut or free. The prices bound from below what any choice in the
node costs; a free site whose opening (or shutting) alone would lift that bound above the best known choice is
shut (opened) for good. What remains is split on the site that the prices cannot make up their mind about.
The node with the least bound comes first, so that the bound of all is that of the node at hand.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geo_service.staffing import siting_exact as exact
from geo_service.staffing.siting_budget import Budget

Floats = NDArray[np.float64]
States = NDArray[np.int8]

ROOT_STEPS, NODE_STEPS = 400, 120
ROOT_ROUNDS = 12
#: Entries of the matrix that are looked at in one turn: about a second, then who waits is told how it stands.
TURN_ENTRIES = 10**9
SETTLED_AGILITY = 0.3
#: How long, and how often, exchanges are tried from choices thrown over before the proof, and beside it.
FIRST_SHAKES_S, MORE_SHAKES_S, MOST_SHAKES = 0.4, 0.3, 300
FIRST_TURN_S, TURN_GROWTH = 1.0, 1.6
#: Entries of a program up to which HiGHS has the first turn.
SMALL_PROGRAM = 20_000


class Model(Protocol):
    """What is to be chosen, and what a choice costs."""

    @property
    def state(self) -> States:
        """(m,) 1: must be open, 0: free, -1: must not be open."""
        ...

    @property
    def n_open(self) -> int:
        """How many sites are open in the end, those that must be among them."""
        ...

    @property
    def entries(self) -> int:
        """How many ways a step of :meth:`bound` looks at."""
        ...

    @property
    def is_whole(self) -> bool:
        """Whether every choice costs a whole number."""
        ...

    def cost(self, is_open: NDArray[np.bool_]) -> float:
        """Return what a choice costs."""
        ...

    def first_price(self) -> Floats:
        """Return prices to start from."""
        ...

    def bound(
        self, price: Floats, state: States, lean: Floats, *, goal: float, steps: int, agility: float
    ) -> tuple[float, Floats, Floats]:
        """Lift the lower bound in a node; returns it with its prices and the worth of each site."""
        ...

    def program(self, state: States) -> exact.Program | None:
        """Return what a node leaves open as a program for HiGHS; None where it is too large."""
        ...

    def better(self, is_open: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
        """Return a choice that costs no more, by exchanges."""
        ...

    def first_choice(self) -> "Found":
        """Return a choice made greedily and bettered by exchanges."""
        ...


@dataclass
class Found:
    """The best choice and what is proved of all choices.

    Attributes
    ----------
    is_open : (m,) bool
    cost : float
    bound : float
        No choice costs less.
    nodes : int
        Looked at so far.
    """

    is_open: NDArray[np.bool_]
    cost: float
    bound: float = -np.inf
    nodes: int = 0


def below(cost: float, *, is_whole: bool) -> float:
    """Return what a choice must not exceed to be better than one of this cost."""
    return cost - 1 + 1e-6 if is_whole else cost - 1e-9 * max(abs(cost), 1e-9)


def is_proved(found: Found, *, is_whole: bool) -> bool:
    """Tell whether no choice can be better."""
    return found.bound > below(found.cost, is_whole=is_whole)


def search(model: Model, budget: Budget, seed: int = 0) -> Iterator[Found]:
    """Give a first choice at once, then better ones, then the proof: always the same object, as it grows."""
    rng = np.random.default_rng(seed)
    found = model.first_choice()
    yield found
    if budget.is_spent():
        return
    for _ in shake(model, found, budget.part(FIRST_SHAKES_S), rng):
        yield found
    for _ in prove(model, found, budget):
        yield found
        # where the bound is still far, better choices are worth more than proof
        if not is_proved(found, is_whole=model.is_whole) and not found.nodes:
            yield from shake(model, found, budget.part(MORE_SHAKES_S), rng)


def shake(model: Model, found: Found, budget: Budget, rng: np.random.Generator) -> Iterator[Found]:
    """Throw over a few sites and let exchanges settle it, again and again; yields when that helped."""
    turn = 0
    while not budget.is_spent() and turn < MOST_SHAKES:
        inside = np.flatnonzero(found.is_open & (model.state == 0))
        outside = np.flatnonzero(~found.is_open & (model.state == 0))
        size = min(2 + turn % 4, len(inside), len(outside))
        if size == 0:
            return
        choice = found.is_open.copy()
        choice[rng.choice(inside, size, replace=False)] = False
        choice[rng.choice(outside, size, replace=False)] = True
        choice = model.better(choice, int(rng.integers(len(choice))))
        cost = model.cost(choice)
        if cost < found.cost - 1e-9 * abs(found.cost):
            found.is_open, found.cost = choice, cost
            yield found
        turn += 1


def prove(model: Model, found: Found, budget: Budget) -> Iterator[Found]:
    """Raise the bound until it meets the best choice, finding better ones on the way.

    Yields ``found`` itself whenever something in it has changed, or time has passed; it is at the end when
    :func:`is_proved`, or when the budget is spent.
    """
    lean = np.full(len(model.state), 0.5)
    state, price = model.state.copy(), model.first_price()
    bound, worth = -np.inf, np.zeros(len(state))
    steps = max(10, min(ROOT_STEPS, TURN_ENTRIES // max(1, model.entries)))
    share = steps / ROOT_STEPS
    for turn in range(round(ROOT_ROUNDS / share)):
        before = bound
        agility = max(1.5 * 0.7 ** (turn * share), 0.05)
        tried, prices, values = model.bound(price, state, lean, goal=found.cost, steps=steps, agility=agility)
        if tried > bound:
            bound, price, worth = tried, prices, values
        _take_up(model, found, worth, state, turn)
        found.bound = max(found.bound, min(bound, found.cost))
        fixed = _fix(state, worth, model.n_open, below(found.cost, is_whole=model.is_whole) - bound)
        yield found
        if is_proved(found, is_whole=model.is_whole) or budget.is_spent():
            return
        if turn and not fixed and bound - before < 1e-4 * share * abs(bound):
            break
    yield from _take_turns(model, found, budget, (bound, state, price, lean))


def _take_turns(
    model: Model, found: Found, budget: Budget, root: tuple[float, States, Floats, Floats]
) -> Iterator[Found]:
    """Let branch and bound and HiGHS work by turns that grow: one of them is quick where the other is slow.

    Branching on prices is strong while few sites are open and many are left; HiGHS, begun anew each turn,
    when little is left.
    """
    state = root[1]
    program = model.program(state)
    branching = _branch(model, found, budget, root)
    turn_s = FIRST_TURN_S
    is_exact_next = program is not None and program.rows.nnz <= SMALL_PROGRAM
    while not budget.is_spent() and not is_proved(found, is_whole=model.is_whole):
        if is_exact_next and program is not None:
            _hand_over(model, found, exact.solve(program, min(turn_s, budget.left_s)), state)
            yield found
        else:
            turn = budget.part(turn_s)
            for _ in branching:
                yield found
                if turn.is_spent():
                    break
        is_exact_next = not is_exact_next
        turn_s *= TURN_GROWTH


def _hand_over(model: Model, found: Found, verdict: exact.Verdict, state: States) -> None:
    """Take up what HiGHS says of what is left: all choices outside it are known not to be better."""
    if verdict.x is not None:
        choice = exact.chosen(verdict.x, state)
        cost = model.cost(choice)
        if choice.sum() <= model.n_open and cost < found.cost - 1e-9 * abs(found.cost):
            found.is_open, found.cost = choice, cost
    is_best = verdict.is_final and verdict.bound > found.cost - _tolerance(found.cost)
    found.bound = found.cost if is_best else max(found.bound, min(verdict.bound, found.cost))


def _tolerance(cost: float) -> float:
    """How far HiGHS may be from the best by the last bits of its arithmetic."""
    return 1e-6 * max(1.0, abs(cost))


def _branch(
    model: Model, found: Found, budget: Budget, root: tuple[float, States, Floats, Floats]
) -> Iterator[Found]:
    bound, state, price, lean = root
    queue: list[tuple[float, int, States, Floats, Floats]] = [(bound, 0, state, price, lean)]
    number = 0
    while queue:
        bound, _, state, price, lean = heapq.heappop(queue)
        found.bound = max(found.bound, min(bound, found.cost))
        if bound > below(found.cost, is_whole=model.is_whole):
            break
        if budget.is_spent():
            return
        site = _undecided(state, lean)
        if site < 0:
            _settle(model, found, state)
            continue
        for side in (1, -1):
            child = state.copy()
            child[site] = side
            number += 1
            done = _look(model, found, child, price, lean.copy(), number=number)
            if done is not None:
                heapq.heappush(queue, (max(done[0], bound), number, child, *done[1:]))
        found.nodes += 2
        yield found
    found.bound = found.cost
    yield found


def _look(
    model: Model, found: Found, state: States, price: Floats, lean: Floats, *, number: int
) -> tuple[float, Floats, Floats] | None:
    """Bound a node; returns None where nothing better can be in it."""
    if (state > 0).sum() > model.n_open or (state >= 0).sum() < min(model.n_open, len(state)):
        return None
    if (state > 0).sum() == model.n_open:
        state[state == 0] = -1
    bound, price, worth = model.bound(
        price, state, lean, goal=found.cost, steps=NODE_STEPS, agility=SETTLED_AGILITY
    )
    _take_up(model, found, worth, state, number)
    room = below(found.cost, is_whole=model.is_whole) - bound
    if room < 0:
        return None
    _fix(state, worth, model.n_open, room)
    return bound, price, lean


def _settle(model: Model, found: Found, state: States) -> None:
    """Take the one choice that a node without free sites leaves."""
    choice = state > 0
    cost = model.cost(choice)
    if cost < found.cost:
        found.is_open, found.cost = choice, cost


def _take_up(model: Model, found: Found, worth: Floats, state: States, seed: int) -> None:
    """Try the choice that the prices suggest."""
    free = np.flatnonzero(state == 0)
    more = model.n_open - int((state > 0).sum())
    choice = state > 0
    choice[free[np.argsort(-worth[free], kind="stable")[:more]]] = True
    choice = model.better(choice, seed)
    cost = model.cost(choice)
    if cost < found.cost - 1e-9 * abs(found.cost):
        found.is_open, found.cost = choice, cost


def _fix(state: States, worth: Floats, n_open: int, room: float) -> int:
    """Fix the free sites of which the other choice would cost more than ``room``; returns how many."""
    free = np.flatnonzero(state == 0)
    more = n_open - int((state > 0).sum())
    if room < 0 or more <= 0 or more >= len(free):
        return 0
    order = free[np.argsort(-worth[free], kind="stable")]
    inside, outside = order[:more], order[more:]
    shut = outside[worth[inside[-1]] - worth[outside] > room]
    opened = inside[worth[inside] - worth[outside[0]] > room]
    state[shut], state[opened] = -1, 1
    return len(shut) + len(opened)


def _undecided(state: States, lean: Floats) -> int:
    """Return the free site that was chosen about half of the time, -1 where no site is free."""
    free = np.flatnonzero(state == 0)
    return int(free[np.argmin(np.abs(lean[free] - 0.5))]) if len(free) else -1
