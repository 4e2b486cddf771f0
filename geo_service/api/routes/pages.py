"""The front page, the static files, and the API's own description with an offline Swagger UI."""

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from geo_service.api.access import PUBLIC, Access
from geo_service.api.routing import Router
from geo_service.web.assets import STATIC_DIR
from geo_service.web.pages import CONTENT_SECURITY_POLICY, Lang, docs_page, favicon, landing_page

router = Router(tags=["pages"], dependencies=[PUBLIC], include_in_schema=False)

_PAGE = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}


class PublicFiles(StaticFiles):
    """Static files for everybody. An address with its content's digest (``?v=``) may be kept for ever."""

    access = Access(public=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with the file, and say how long it may be kept."""
        response = await super().get_response(path, scope)
        if response.status_code in {200, 304}:
            for_ever = scope["query_string"].startswith(b"v=")
            response.headers["Cache-Control"] = (
                "public, max-age=31536000, immutable" if for_ever else "no-cache"
            )
        return response


def static_files() -> PublicFiles:
    """Return the application that serves ``web/static``."""
    return PublicFiles(directory=STATIC_DIR, check_dir=False)


# the pages are read from files, hence no coroutines
@router.get("/")
def front_page(lang: Lang = "zh") -> HTMLResponse:
    """Show the front page."""
    return HTMLResponse(landing_page(lang), headers=_PAGE)


@router.get("/docs")
def docs(lang: Lang = "zh") -> HTMLResponse:
    """Show the API's description; nothing is fetched from elsewhere."""
    return HTMLResponse(docs_page("/openapi.json", lang=lang), headers=_PAGE)


@router.get("/favicon.ico")
def icon() -> Response:
    """Give the icon that browsers ask for by this name."""
    return Response(favicon(), media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})


@router.get("/openapi.json")
def openapi(request: Request) -> JSONResponse:
    """Give the API's description, OpenAPI 3.1."""
    return JSONResponse(request.app.openapi())
