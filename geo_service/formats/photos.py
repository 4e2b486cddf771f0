"""Photos of incidents in a folder, each under the hash of its bytes; what is no photo is not taken.

Which type a file is says its content, never its name. The bytes are not decoded here and never run: they are
given back as a download whose type cannot be guessed anew.
"""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from geo_service.errors import Fault, InvalidInputError, TooLargeError, Words

MAX_BYTES = 10_000_000
#: Markup and scripts that a browser or a server may take for more than a picture, even behind one.
_ACTIVE = re.compile(rb"<\s*(?:script|html|svg|iframe|\?php|!doctype)", re.IGNORECASE)
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def media_type(content: bytes) -> str:
    """Return the type of a photo by its content: JPEG, PNG or WebP, whole from its first to its last byte.

    Raises
    ------
    TooLargeError
        More than :data:`MAX_BYTES`.
    InvalidInputError
        It is no photo, is cut off, or holds markup.
    """
    if len(content) > MAX_BYTES:
        raise TooLargeError(f"a photo may have {MAX_BYTES:,} bytes; this one has {len(content):,}")
    kind = _kind(content)
    if kind is None:
        words = Words("must be a whole JPEG, PNG or WebP picture", "须为完整的 JPEG、PNG 或 WebP 图片")
        raise InvalidInputError(words, [Fault("file", words)])
    if _ACTIVE.search(content):
        words = Words(
            "the picture holds markup; save it anew without metadata",
            "图片中含有网页代码；请去除元数据后重新保存",
        )
        raise InvalidInputError(words, [Fault("file", words)])
    return kind


def _kind(content: bytes) -> str | None:
    """Read how a file begins and ends."""
    if content.startswith(_JPEG) and content.rstrip(b"\x00").endswith(b"\xff\xd9"):
        return "image/jpeg"
    if content.startswith(_PNG) and content[12:16] == b"IHDR" and content.endswith(b"IEND\xaeB`\x82"):
        return "image/png"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        size = int.from_bytes(content[4:8], "little")
        return "image/webp" if size + 8 in {len(content), len(content) - 1} else None
    return None


class PhotoFolder:
    """The folder; several processes may write to it at once.

    Parameters
    ----------
    folder : Path
        Made when the first photo comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, content: bytes) -> bytes:
        """Write a photo so that it is there whole or not at all; returns its SHA-256."""
        digest = hashlib.sha256(content).digest()
        place = self._place(digest)
        if place.is_file():
            return digest
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix="coming-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return digest

    def read(self, digest: bytes) -> bytes | None:
        """Return a photo; None if it is not here, or is not what was stored."""
        try:
            content = self._place(digest).read_bytes()
        except FileNotFoundError:
            return None
        return content if hashlib.sha256(content).digest() == digest else None

    def _place(self, digest: bytes) -> Path:
        name = digest.hex()
        return self._folder / name[:2] / name
