"""The front page, the static files, and the API's own description with an offline Swagger UI."""

import base64
import hashlib

from fastapi import Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from geo_service.api.access import PUBLIC, Access
from geo_service.api.envelope import CONTENT_SECURITY
from geo_service.api.routing import Router
from geo_service.web.assets import STATIC_DIR, static_url

router = Router(tags=["pages"], dependencies=[PUBLIC], include_in_schema=False)

_SWAGGER = "vendor/swagger-ui-dist"
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#ui", deepLinking: true, validatorUrl: null});'
_DOCS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API · geo_service</title>
<link rel="stylesheet" href="{css}">
</head>
<body>
<div id="ui"></div>
<script src="{js}"></script>
<script>{start}</script>
</body>
</html>
"""
_DOCS_SECURITY = CONTENT_SECURITY.replace(
    "script-src 'self'",
    f"script-src 'self' 'sha256-{base64.b64encode(hashlib.sha256(_START.encode()).digest()).decode()}'",
)


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


@router.get("/")
async def front_page() -> Response:
    """Show the front page."""
    return FileResponse(STATIC_DIR / "index.html", headers={"Cache-Control": "no-cache"})


@router.get("/favicon.ico")
async def favicon() -> Response:
    """Give the icon that browsers ask for by this name."""
    return FileResponse(STATIC_DIR / "img/favicon.svg", headers={"Cache-Control": "public, max-age=86400"})


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """Give the API's description, OpenAPI 3.1."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
def docs() -> HTMLResponse:
    """Show the API's description; nothing is fetched from elsewhere."""
    markup = _DOCS.format(
        css=static_url(f"{_SWAGGER}/swagger-ui.css"),
        js=static_url(f"{_SWAGGER}/swagger-ui-bundle.js"),
        start=_START,
    )
    return HTMLResponse(markup, headers={"Content-Security-Policy": _DOCS_SECURITY})
