"""Photos of incidents: taken in once each, and given back."""

from uuid import UUID

from geo_service.errors import ConflictError, NotFoundError, UnavailableError, Words
from geo_service.formats.photos import PhotoFolder, media_type
from geo_service.services import handling
from geo_service.store import lives, photos
from geo_service.store.database import Database
from geo_service.store.lives import Line

MOST = 20


def add(database: Database, folder: PhotoFolder, key: UUID, content: bytes, *, who: str) -> tuple[str, bool]:
    """Keep a photo of an incident and write a line into its log; returns its hash, and whether it is new.

    Raises
    ------
    NotFoundError
        No such incident is being handled.
    ConflictError
        It has :data:`MOST` photos already.
    InvalidInputError, TooLargeError
        It is no photo that we take.
    """
    kind = media_type(content)
    with database.reading() as connection:
        lives.get(connection, key)
    digest = folder.keep(content)  # before the row that names it: never the other way round
    with database.writing() as connection:
        kept = lives.get(connection, key, lock=True)
        new = photos.add(connection, key, digest, media_type=kind, size_bytes=len(content), who=who)
        if new:
            if photos.count(connection, key) > MOST:
                raise ConflictError(
                    Words(f"an incident has at most {MOST} photos", f"每件最多 {MOST} 张照片")
                )
            now, status = lives.present(connection, key), kept.life.status.value
            details = {"sha256": digest.hex(), "media_type": kind}
            handling.write(connection, kept, Line(now, who, "photo", status, status, "", details), now)
    return digest.hex(), new


def read(database: Database, folder: PhotoFolder, key: UUID, sha256: str) -> tuple[bytes, str]:
    """Return a photo of an incident and its type.

    Raises
    ------
    NotFoundError
        The incident has no such photo.
    UnavailableError
        Its file is not on this machine, or was changed.
    """
    digest = bytes.fromhex(sha256)
    with database.reading() as connection:
        kind = photos.media_type(connection, key, digest)
    if kind is None:
        raise NotFoundError(Words("the incident has no such photo", "该事件没有这张照片"))
    content = folder.read(digest)
    if content is None:
        raise UnavailableError(
            Words(
                "the file of this photo is not on this machine, or was changed",
                "照片文件不在本机，或已被改动",
            )
        )
    return content, kind
