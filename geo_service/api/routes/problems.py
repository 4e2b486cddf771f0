"""A page for each type of problem, so that the ``type`` of an error leads somewhere."""

import inspect
from html import escape

from fastapi.responses import HTMLResponse

from geo_service.api.access import PUBLIC
from geo_service.api.html import PROBLEM_WORDS, sheet
from geo_service.api.problems import problem_types
from geo_service.api.routing import Router
from geo_service.errors import GeoServiceError, NotFoundError, Words
from geo_service.web.pages import Lang, words

router = Router(prefix="/problems", tags=["service"], dependencies=[PUBLIC], include_in_schema=False)
_HEADING = words("错误类型", "Problem types")


@router.get("", response_class=HTMLResponse)
async def index(lang: Lang = "zh") -> str:
    """List the types."""
    rows = "".join(
        f'<tr><td>{kind.status}</td><td><a href="/problems/{code}"><code>{code}</code></a></td>'
        f"<td>{words(*_titles(code, kind))}</td></tr>"
        for code, kind in sorted(problem_types().items(), key=lambda item: (item[1].status, item[0]))
    )
    return sheet("错误类型 Problem types", f"<table>{rows}</table>", lang=lang, wide=True, heading=_HEADING)


@router.get("/{code}", response_class=HTMLResponse)
async def one(code: str, lang: Lang = "zh") -> str:
    """Explain one type and what to do about it."""
    kind = problem_types().get(code)
    if kind is None:
        raise NotFoundError(
            Words(
                "there is no problem type of that name; /problems lists them",
                "没有这种错误类型，全部类型见 /problems",
            )
        )
    _, *what_to_do = PROBLEM_WORDS.get(code, ("", "", ""))
    zh, en = _titles(code, kind)
    return sheet(
        f"{kind.status} {zh} {en}",
        f'<p class="detail" lang="en">{escape(inspect.cleandoc(kind.__doc__ or ""))}</p>'
        f'<p class="advice">{words(*what_to_do)}</p>'
        f'<p class="hint"><code>/problems/{code}</code>'
        f'<a href="/problems">{words("所有类型", "All types")}</a></p>',
        lang=lang,
        heading=f'<span class="status">{kind.status}</span><br>{words(zh, en)}',
    )


def _titles(code: str, kind: type[GeoServiceError]) -> tuple[str, str]:
    """Give the title of a type in both languages."""
    return PROBLEM_WORDS.get(code, (kind.title,))[0], kind.title
