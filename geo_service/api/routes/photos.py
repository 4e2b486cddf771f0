"""Photos of incidents: sent as multipart, given back as downloads."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import File, Path, Response, UploadFile

from geo_service.api.access import roles
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.formats.photos import PhotoFolder
from geo_service.model import Principal, Role
from geo_service.services import photos

router = Router(prefix="/v1/incidents/{incident_id}/photos", tags=["incidents"])

Sender = Annotated[Principal, roles(Role.DISPATCHER, Role.WORKER, Role.DEVICE)]
Hash = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


@router.post("", status_code=201)
def add_photo(
    state: State,
    who: Sender,
    incident_id: UUID,
    response: Response,
    file: Annotated[UploadFile, File(description="JPEG, PNG or WebP, at most 10 MB")],
) -> dict[str, Any]:
    """Add a photo to an incident. The same photo sent again is the same one (200)."""
    content = file.file.read()
    if not content:
        raise InvalidInputError(
            Words("the file is empty", "文件为空"),
            [Fault("file", Words("choose a file with content", "请选择有内容的文件"))],
        )
    sha256, new = photos.add(state.database, _folder(state), incident_id, content, who=who.name)
    response.status_code = 201 if new else 200
    address = f"/v1/incidents/{incident_id}/photos/{sha256}"
    response.headers["Location"] = address
    return {"sha256": sha256, "new": new, "address": address}


@router.get(
    "/{sha256}",
    dependencies=[roles(Role.DISPATCHER, Role.WORKER, Role.LEADER)],
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in _ENDINGS}, "description": "The photo, as a download"}},
)
def photo(state: State, incident_id: UUID, sha256: Hash) -> Response:
    """Give a photo back, as a download whose type a browser does not guess anew."""
    content, kind = photos.read(state.database, _folder(state), incident_id, sha256)
    name = f"{sha256[:12]}.{_ENDINGS[kind]}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    return Response(content, media_type=kind, headers=headers)


def _folder(state: AppState) -> PhotoFolder:
    return PhotoFolder(state.settings.home / "photos")
