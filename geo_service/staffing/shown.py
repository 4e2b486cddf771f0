"""How times are shown: what is over a limit reads as over it."""

import math


def rounded_up(seconds: float, step_s: int = 1) -> int:
    """Return seconds to the next whole step, up: 300.2 s is shown as 301 s, or in tenths of minutes as 5.1.

    Rounded to the nearest a place that nobody reaches in 5 minutes would be said to be 5 minutes away. Times
    are kept to the millisecond; less is an error of arithmetic.
    """
    return math.ceil(round(seconds * 1000) / (1000 * step_s)) * step_s
