"""What a key for a part of the town may call, route by route. A route that does not stand here is shut to it.

Three kinds, each said with its reason: :data:`NARROWED` answers of the key's own part (and refuses to write
elsewhere), :data:`ALIKE` answers every key the same because it names no person and no incident, and
:data:`WHOLE_TOWN` is for keys for the whole town. ``tests/api/test_parts_of_town.py`` holds that every route
stands here once, and walks all that read with such a key.
"""

from collections.abc import Iterable, Mapping

from geo_service.errors import Fault, ForbiddenError, Words

_REGISTERS = ("responders", "duties", "rotas", "shifts", "absences", "posts", "teams", "stations")
_COMMON_REGISTERS = ("calendars", "staffing-needs")


def _every(reasons: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the reason of each route: its method and its pattern."""
    return {route: reason for reason, routes in reasons.items() for route in routes}


#: Routes that answer of the key's own part only.
NARROWED: Mapping[str, str] = _every(
    {
        "incidents of its cells; the address of another one is not there": [
            "GET /v1/incidents",
            "GET /v1/incidents/{incident_id}",
            "GET /v1/incidents/{incident_id}/log",
            "GET /v1/incidents/{incident_id}/duplicates",
            "GET /v1/incidents/{incident_id}/photos/{sha256}",
            "POST /v1/incidents/{incident_id}/photos",
            "POST /v1/incidents/{incident_id}/moves",
            "POST /v1/incidents/{incident_id}/reply",
            "POST /v1/incidents/{incident_id}/location",
            "POST /v1/incidents/{incident_id}/corrections",
            "POST /v1/incidents/{incident_id}/duplicate",
            "DELETE /v1/incidents/{incident_id}/duplicate",
            "GET /v1/incidents/{incident_id}/breach",
        ],
        "people of its cells, and who is sent to one of its incidents": [
            "GET /v1/incidents/{incident_id}/candidates",
            "GET /v1/incidents/{incident_id}/candidates/{code}/route",
            "GET /v1/nearest",
            "GET /v1/board",
            "POST /v1/positions",
            "GET /v1/incidents/{incident_id}/dispatches",
            "POST /v1/incidents/{incident_id}/dispatches",
            "GET /v1/dispatches",
            "GET /v1/dispatches/{dispatch_id}",
            *(
                f"POST /v1/dispatches/{{dispatch_id}}/{verb}"
                for verb in ("accept", "decline", "arrive", "done", "hand-over", "cancel")
            ),
            "GET /v1/own-work",
            "GET /v1/own-work/way",
        ],
        "cards and whistles of its incidents, with whom these call": [
            "GET /v1/escalations",
            "GET /v1/escalations/{escalation_id}",
            *(f"POST /v1/escalations/{{escalation_id}}/{act}" for act in ("acknowledge", "arrive", "answer")),
            "POST /v1/incidents/{incident_id}/whistles",
        ],
        "the roster of its cells": [
            "GET /v1/roster",
            "GET /v1/cells/{code}/on-duty",
            "GET /v1/vacancies",
            "GET /v1/alarms",
            *(f"GET /v1/{one}" for one in _REGISTERS),
            *(f"{verb} /v1/{one}/{{key}}" for one in _REGISTERS for verb in ("GET", "PUT", "DELETE")),
            *(f"POST /v1/{one}" for one in ("duties", "shifts", "absences", "swaps")),
            "GET /v1/responders/{key}/contact",
            "PUT /v1/responders/{key}/contact",
            *(f"{verb} /v1/responders/{{key}}/public-contact" for verb in ("GET", "PUT", "DELETE")),
        ],
        "figures of its cells": [
            "GET /v1/figures/incidents",
            "GET /v1/figures/response",
            "GET /v1/reports/monthly",
            "GET /v1/figures/attainment",
            "POST /v1/figures/attainment",
            "GET /v1/figures/cells",
            "GET /v1/cells/{code}/series",
            "GET /v1/coverage/cells",
            "GET /v1/sign-boards",
            "GET /v1/sign-boards/sheets",
            "POST /v1/sign-boards/prints",
            *(
                f"GET /v1/lead/{part}"
                for part in ("summary", "cells", "week", "card", "figures", "routes", "patrols")
            ),
        ],
        "jobs that it asked for": [
            "GET /v1/jobs/{job_id}",
            "GET /v1/jobs/{job_id}/file",
            "POST /v1/jobs/{job_id}/cancel",
        ],
        "events of its incidents; of the roster that something changed": ["GET /v1/events"],
        "cells are for all; who answers is told within its own": ["GET /v1/locate", "POST /v1/locate/batch"],
        "reports are taken from wherever they come; who answers is told within its own": [
            "POST /v1/incidents",
            "POST /v1/incidents/batch",
            "POST /v1/incidents/stream",
            "POST /v1/incidents/table",
        ],
    }
)

#: Routes that answer every key the same.
ALIKE: Mapping[str, str] = _every(
    {
        "boundaries are public": [
            "GET /v1/editions",
            "GET /v1/cells",
            "GET /v1/cells/{code}",
            *(
                f"GET /v1/cells/{{code}}/{verb}"
                for verb in ("children", "parents", "touches", "overlaps", "covers", "lineage")
            ),
            "GET /v1/gaps",
            "GET /v1/exclaves",
            "GET /v1/exclaves/declared",
            "POST /v1/crosswalk",
            "GET /maps",
            "GET /v1/maps",
            "GET /maps/tiles/base/{z}/{x}/{y}.mvt",
            "GET /maps/shapes/{edition}/{level}.json",
        ],
        "one share of the whole town, that names no cell": ["GET /v1/coverage"],
        "how far one comes over the streets": ["GET /v1/isochrones"],
        "who takes a report must find any address; premises are on public maps": [
            "GET /v1/addresses",
            "GET /v1/premises",
        ],
        "rules and lists that hold for all, and name nobody": [
            "GET /v1/categories",
            "GET /v1/response-standards",
            "GET /v1/access-time",
            "GET /v1/duplicate-rule",
            "GET /v1/sign-boards/words",
            "GET /v1/desk/settings",
            "GET /v1/escalations/rules",
            "GET /v1/rules",
            "GET /v1/rules/versions",
            "GET /v1/code-schemes",
            "GET /v1/code-schemes/versions",
            *(f"GET /v1/{one}" for one in _COMMON_REGISTERS),
            *(f"GET /v1/{one}/{{key}}" for one in _COMMON_REGISTERS),
        ],
        "the caller himself": ["GET /v1/me", "GET /v1/own-week", "POST /v1/patrol/visits"],
        "pages without data: their scripts fetch it by routes that stand here": [
            "GET /dispatch",
            "GET /worker",
            "GET /roster",
            "GET /lead",
        ],
    }
)

#: Routes that take keys for the whole town only.
WHOLE_TOWN: Mapping[str, str] = _every(
    {
        "sites are sought for the whole town": [
            "GET /v1/siting",
            "GET /v1/siting/{run_id}",
            "POST /v1/siting",
            "POST /v1/siting/move-up",
        ],
        "who covers what, and how much of the whole town is covered": [
            *(
                f"GET /v1/coverage/{part}"
                for part in (
                    "reading",
                    "reading/cells",
                    "readings/{reading_id}",
                    "week",
                    "blind-spots",
                    "sole",
                    "truth",
                )
            ),
            "POST /v1/coverage/what-if",
            "POST /v1/coverage/paces",
        ],
        "patrols are compared over the whole town": [
            "GET /v1/patrol/cells",
            "GET /v1/patrol/against-incidents",
            "PUT /v1/patrol/days/{day}",
        ],
        "rounds are planned, and patrols added up, for the whole town": [
            "GET /v1/patrol/rules",
            "PUT /v1/patrol/rules",
            "GET /v1/patrol/places",
            "POST /v1/imports/places",
            "PUT /v1/patrol/places/{code}/exemption",
            "DELETE /v1/patrol/places/{code}",
            "POST /v1/patrol/places/{code}/sign",
            "GET /v1/patrol/signs.pdf",
            "GET /v1/patrol/campaigns",
            "POST /v1/imports/campaigns",
            "DELETE /v1/patrol/campaigns/{name}",
            "PUT /v1/patrol/weeks/{monday}",
            "GET /v1/patrol/weeks/{monday}",
            "GET /v1/patrol/routes",
            "PUT /v1/patrol/routes/{code}",
            "DELETE /v1/patrol/routes/{code}",
            "POST /v1/imports/routes",
            "GET /v1/patrol/route-days",
            "GET /v1/patrol/visits",
            "GET /v1/patrol/quotas",
            "GET /v1/patrol/posts",
        ],
        "a plan is of the whole town": [
            "GET /planner",
            "GET /planner/{plan_id}",
            "GET /planner/{plan_id}/preview",
            "GET /v1/plans",
            "POST /v1/plans",
            "GET /v1/plans/{plan_id}",
            "DELETE /v1/plans/{plan_id}",
            *(
                f"GET /v1/plans/{{plan_id}}/{part}"
                for part in (
                    "cells",
                    "cells/search",
                    "changes",
                    "comments",
                    "events",
                    "findings",
                    "preview",
                    "preview/map",
                    "preview.pdf",
                )
            ),
            *(
                f"POST /v1/plans/{{plan_id}}/{verb}"
                for verb in (
                    "changes",
                    "undo",
                    "redo",
                    "comments",
                    "waivers",
                    "publish",
                    "rebase",
                    "split",
                    "suggest/merge",
                    "suggest/leads",
                )
            ),
            "POST /v1/editions/{edition_id}/restore",
            "PUT /v1/gaps/{gap_id}",
            "POST /v1/exclaves/declared",
            "DELETE /v1/exclaves/declared/{number}",
            "GET /v1/jobs",
        ],
        "an import is of the whole town": [
            *(
                f"POST /v1/imports/{what}"
                for what in (
                    "boundaries",
                    "incidents",
                    "responders",
                    "shifts",
                    "demand",
                    "sign-boards",
                    "roads",
                    "premises",
                )
            ),
            "DELETE /v1/premises/{code}",
        ],
        "rules and lists hold for the whole town": [
            "PUT /v1/categories",
            "PUT /v1/response-standards",
            "PUT /v1/access-time",
            "PUT /v1/duplicate-rule",
            "PUT /v1/sign-boards/words",
            "PUT /v1/desk/settings",
            "PUT /v1/escalations/rules",
            "PUT /v1/rules",
            "PUT /v1/code-schemes",
            *(f"{verb} /v1/{one}/{{key}}" for one in _COMMON_REGISTERS for verb in ("PUT", "DELETE")),
        ],
        "keys and other systems are the whole town's": [
            "GET /v1/keys",
            "POST /v1/keys",
            "GET /v1/keys/{key_id}",
            "DELETE /v1/keys/{key_id}",
            "GET /v1/desk/keys",
            "PUT /v1/desk/keys/{key_id}",
            "GET /v1/report-sources",
            "POST /v1/report-sources",
            "DELETE /v1/report-sources/{source_id}",
            "GET /v1/webhooks",
            "POST /v1/webhooks",
            "DELETE /v1/webhooks/{webhook_id}",
            "GET /v1/webhooks/{webhook_id}/deliveries",
            "POST /v1/webhooks/{webhook_id}/retry",
        ],
        "this map shows the whole town; ask for figures of your cells under /v1/figures": [
            "GET /maps/{kind}",
            "GET /maps/{kind}/file",
            "GET /maps/overlays/{edition}/{kind}/{overlay}.json",
            "GET /maps/figures/{edition}/{kind}/{level}.json",
            "GET /maps/heat.json",
            "GET /maps/units.json",
        ],
    }
)


def require_open(method: str, pattern: str) -> None:
    """Raise unless a key for a part of the town may call a route.

    Raises
    ------
    ForbiddenError
        It is for keys for the whole town, or nobody has said yet what such a key may see of it.
    """
    route = f"{'GET' if method in {'HEAD', 'OPTIONS'} else method} {pattern}"
    if route in NARROWED or route in ALIKE:
        return
    reason = WHOLE_TOWN.get(route, "it is not narrowed to a part of the town")
    words = Words(
        f"your key is for a part of the town, and this takes a key for the whole: {reason}",
        "您的密钥只管部分区域，此操作需要全域密钥；请联系管理员",
    )
    raise ForbiddenError(words, [Fault("", words)])
