"""The verb that cuts along a street, river or railway.

Where the features run is not part of a redraw. Whoever carries the verb out looks it up and adds the line to
the arguments (``traced``); so the history has both, what was drawn and what came of it.
"""

from collections.abc import Callable

from geo_service.errors import Fault, InvalidInputError
from geo_service.planning.arguments import Arguments
from geo_service.planning.redraw import Step

FEATURES = ("street", "water", "railway")
WITHIN_M = 30.0

Act = Callable[[Step, Arguments], None]


def cut_along(cut: Act) -> Act:
    """Make the verb from the one that cuts along a given line."""

    def act(step: Step, given: Arguments) -> None:
        given.line("line")
        given.number("within_m")
        if (features := given.required_text("features")) not in FEATURES:
            message = f"a line is drawn along one of: {', '.join(FEATURES)}"
            raise InvalidInputError(message, [Fault("features", message, value=features)])
        cut(step, given.renamed(traced="line"))

    return act
