"""What OpenStreetMap's tags mean to us: who may travel a street, how fast, whom a barrier stops.

Follows the tagging that the OSM wiki documents (Key:access, Key:oneway, Key:maxspeed, Key:barrier): the more
special key wins over the more general one, the street's class gives the rest.
"""

import re
from collections.abc import Mapping

from geo_service.roads.network import Access, Block

Tags = Mapping[str, str]

MOTOR_ONLY = {"motorway", "motorway_link"}
MOTOR = MOTOR_ONLY | {
    *("trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link"),
    *(
        "tertiary",
        "tertiary_link",
        "unclassified",
        "residential",
        "living_street",
        "service",
        "road",
        "track",
    ),
}
PATHS = {"pedestrian", "footway", "path", "cycleway", "bridleway", "steps", "corridor"}
CLASSES = MOTOR | PATHS

CYCLED = (MOTOR - MOTOR_ONLY) | {"path", "cycleway"}
"""Where one may ride unless a tag says no; on other paths only where a tag says yes."""
WALKED = (MOTOR - MOTOR_ONLY - {"trunk", "trunk_link"}) | PATHS - {"cycleway"}

YES = {"yes", "designated", "permissive", "official", "destination", "customers", "residents", "public"}
NO = {"no", "military", "agricultural", "forestry", "delivery", "emergency", "use_sidepath", "dismount"}
PRIVATE = {"private", "permit", "key"}

CAR_KEYS = ("motorcar", "motor_vehicle", "vehicle", "access")
BICYCLE_KEYS = ("bicycle", "vehicle", "access")
FOOT_KEYS = ("foot", "access")

STOPS_ALL = {"wall", "fence", "hedge", "city_wall", "guard_rail", "retaining_wall", "ditch", "handrail"}
STOPS_WHEELS = {"kissing_gate", "stile", "turnstile", "full-height_turnstile"}
STOPS_CARS = {
    *("bollard", "block", "cycle_barrier", "motorcycle_barrier", "jersey_barrier", "chain", "log", "debris"),
    *("bar", "planter", "rope", "wicket_gate", "sump_buster", "bus_trap", "barrier_board", "horse_stile"),
}

MPH_KMH, KNOT_KMH, WALKING_KMH = 1.609344, 1.852, 7.0
ZONE_KMH = {
    # Regulation for the implementation of the Road Traffic Safety Law of the PRC, articles 45 and 78
    "CN:urban": 50.0,
    "CN:rural": 70.0,
    "CN:motorway": 120.0,
}
ZONE_ENDING_KMH = {
    "urban": 50.0,
    "living_street": WALKING_KMH,
    "walk": WALKING_KMH,
    "pedestrian_zone": WALKING_KMH,
}


def street_class(tags: Tags) -> str | None:
    """Return the class of a street, or None for what nobody travels (proposed, being built, an area)."""
    name = tags.get("highway", "")
    return name if name in CLASSES and tags.get("area") != "yes" else None


def access(tags: Tags, *, private_open: bool = False) -> Access:
    """Return who may travel a street of one of our classes, by direction.

    Parameters
    ----------
    private_open : bool
        Whether ``access=private`` lets our responders in (the compounds they look after) or not.
    """
    name = tags["highway"]
    out = Access(0)
    if _allowed(tags, FOOT_KEYS, name in WALKED and tags.get("motorroad") != "yes", private_open):
        out |= _directions(_oneway(tags.get("oneway:foot")), Access.WALK_FORWARD, Access.WALK_BACK)
    rides = name in CYCLED and tags.get("motorroad") != "yes"
    if name not in MOTOR_ONLY and _allowed(tags, BICYCLE_KEYS, rides, private_open):
        out |= _directions(_bicycle_direction(tags), Access.EBIKE_FORWARD, Access.EBIKE_BACK)
    if name not in {"steps", "corridor"} and _car_allowed(tags, name, private_open):
        out |= _directions(_car_direction(tags), Access.CAR_FORWARD, Access.CAR_BACK)
    return out


def _allowed(tags: Tags, keys: tuple[str, ...], by_class: bool, private_open: bool) -> bool:
    """Say what the first of the keys that is there says; without any, what the class says."""
    for key in keys:
        value = tags.get(key)
        if value is None:
            continue
        if value in NO:
            return False
        if value in PRIVATE:
            return private_open and by_class
        if value in YES:
            # "access=yes" opens a street to its own traffic; only the mode's own key opens it to another
            return by_class or key == keys[0]
    return by_class


def _car_allowed(tags: Tags, name: str, private_open: bool) -> bool:
    """Cars keep to streets, and use paths only where motor vehicles are let in by name."""
    if tags.get("oneway") == "reversible":
        return False
    if name in PATHS:
        return any(tags.get(key) in YES for key in ("motorcar", "motor_vehicle")) and _allowed(
            tags, CAR_KEYS, True, private_open
        )
    return _allowed(tags, CAR_KEYS, True, private_open)


def _oneway(value: str | None) -> int | None:
    """1 forward only, -1 back only, 0 both, None where nothing is said."""
    if value in {"yes", "true", "1"}:
        return 1
    if value in {"-1", "reverse"}:
        return -1
    return 0 if value is not None else None


def _car_direction(tags: Tags) -> int:
    """Return the direction for cars; roundabouts and motorways run one way unless a tag denies it."""
    for key in ("oneway:motorcar", "oneway:motor_vehicle", "oneway"):
        said = _oneway(tags.get(key))
        if said is not None:
            return said
    round_about = tags.get("junction") in {"roundabout", "circular"}
    return 1 if round_about or tags.get("highway") in MOTOR_ONLY else 0


def _bicycle_direction(tags: Tags) -> int:
    """Return the direction for bicycles: their own tag, a contraflow lane, else as for all vehicles."""
    said = _oneway(tags.get("oneway:bicycle"))
    if said is not None:
        return said
    lanes = (tags.get(key, "") for key in ("cycleway", "cycleway:left", "cycleway:right", "cycleway:both"))
    if any(lane.startswith("opposite") for lane in lanes):
        return 0
    said = _oneway(tags.get("oneway"))
    if said is not None:
        return said
    return 1 if tags.get("junction") in {"roundabout", "circular"} else 0


def _directions(oneway: int | None, forward: Access, back: Access) -> Access:
    """Bits of one mode for a direction."""
    if oneway == 1:
        return forward
    return back if oneway == -1 else forward | back


def maxspeed_kmh(value: str | None) -> float:
    """Read a signed limit, km/h; 0 where there is none or nobody can tell.

    Understands numbers in km/h, mph and knots, ``walk``, zones (``CN:urban``, ``DE:zone:30``), and of several
    limits (``50; 40``) takes the lowest.
    """
    limits = [_one_limit_kmh(part.strip()) for part in re.split(r"[;|,]", value or "")]
    return min((kmh for kmh in limits if kmh > 0), default=0.0)


def _one_limit_kmh(text: str) -> float:
    """Read one limit."""
    number = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*(mph|knots|kn|km/h|kmh|kph)?", text, re.IGNORECASE)
    if number:
        unit = (number[2] or "").lower()
        factor = MPH_KMH if unit == "mph" else KNOT_KMH if unit.startswith("kn") else 1.0
        return float(number[1]) * factor
    if text in ZONE_KMH:
        return ZONE_KMH[text]
    zone = re.fullmatch(r"[A-Z]{2}:(?:zone:?|bicycle_road:?)?(\d{1,3})", text)
    if zone:
        return float(zone[1])
    return ZONE_ENDING_KMH.get(text.rsplit(":", 1)[-1], 0.0)


def block(tags: Tags, *, private_open: bool = False) -> Block:
    """Whom a node stops: by the kind of barrier, and by who is let through or kept out.

    A gate, a lifting barrier, a toll booth, an entrance stops nobody unless it is locked or closed by a tag.
    """
    kind = tags.get("barrier")
    if kind is None:
        return Block(0)
    locked = tags.get("locked") == "yes"
    walls_all = kind in STOPS_ALL or locked
    out = Block(0)
    if not _allowed(tags, FOOT_KEYS, not walls_all, private_open):
        out |= Block.WALK
    if not _allowed(tags, BICYCLE_KEYS, not (walls_all or kind in STOPS_WHEELS), private_open):
        out |= Block.EBIKE
    car_stopped = walls_all or kind in STOPS_WHEELS or kind in STOPS_CARS
    car_named = any(tags.get(key) in YES for key in ("motorcar", "motor_vehicle", "vehicle"))
    if not _allowed(tags, CAR_KEYS, not car_stopped or car_named, private_open):
        out |= Block.CAR
    return out
