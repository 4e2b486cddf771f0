"""From the door of a building to a floor: how long it takes by lift or stairs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from geo_service.errors import Fault, InvalidInputError, Words

LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True)
class AccessTime:
    """How fast people get up and down in buildings; a town sets its own.

    Attributes
    ----------
    door_s : float
        From the street through the entrance, on whatever floor.
    stairs_up_s, stairs_down_s : float
        For one floor on foot.
    lift_wait_s, lift_s : float
        Waiting for a lift, and its ride for one floor.
    lift_from_floor : int
        Where it is not known whether there is a lift: from this floor on there is one. Chinese dwellings
        must have one from seven storeys on (GB 50096-2011, 6.4.1).
    """

    door_s: float = 20.0
    stairs_up_s: float = 18.0
    stairs_down_s: float = 13.0
    lift_wait_s: float = 40.0
    lift_s: float = 3.0
    lift_from_floor: int = 7

    def __post_init__(self) -> None:
        """Refuse what no building has."""
        faults = [
            Fault(
                name,
                Words(f"give seconds from 0 to {LONGEST_S:.0f}", f"请给出 0 到 {LONGEST_S:.0f} 秒"),
                value=value,
            )
            for name, value in asdict(self).items()
            if name != "lift_from_floor" and not 0 <= value <= LONGEST_S
        ]
        if not 2 <= self.lift_from_floor <= 200:
            faults.append(
                Fault(
                    "lift_from_floor",
                    Words("give a floor from 2 to 200", "请给出 2 到 200 之间的楼层"),
                    value=self.lift_from_floor,
                )
            )
        if faults:
            raise InvalidInputError(Words("the access times are not in order", "上楼时间设置有误"), faults)

    def to_floor_s(self, floor: int | None, *, has_lift: bool | None = None) -> float:
        """Return the seconds from the street to a floor.

        Parameters
        ----------
        floor : int or None
            As people count: 1 is at ground level, -1 the first below it. None: in the open, 0 seconds.
        has_lift : bool, optional
            None: not known, see ``lift_from_floor``. Who would be faster on the stairs takes them.
        """
        if floor is None:
            return 0.0
        storeys = floor - 1 if floor > 0 else floor
        on_foot = storeys * self.stairs_up_s if storeys >= 0 else -storeys * self.stairs_down_s
        lift = self.lift_wait_s + abs(storeys) * self.lift_s
        takes_lift = floor >= self.lift_from_floor if has_lift is None else has_lift
        return self.door_s + (min(on_foot, lift) if takes_lift else on_foot)


def access_time_object(one: AccessTime) -> dict[str, Any]:
    """Return access times as a JSON object."""
    return asdict(one)


def access_time_from(given: Mapping[str, Any]) -> AccessTime:
    """Return what :func:`access_time_object` wrote; what is missing has the program's own figure."""
    known = {one.name for one in fields(AccessTime)}
    return AccessTime(**{name: value for name, value in given.items() if name in known})
