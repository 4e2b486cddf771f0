"""Photos of incidents: the line that tells of one follows all that has been noted."""

from datetime import timedelta
from pathlib import Path

import pytest

from geo_service.formats.photos import PhotoFolder
from geo_service.services import photos
from geo_service.store import lives
from geo_service.store.database import Database
from geo_service.store.lives import Line
from tests.services import desk_town

pytestmark = pytest.mark.postgis
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


def test_a_photo_is_never_noted_before_what_has_happened_already(database: Database, tmp_path: Path) -> None:
    key = desk_town.report(database, desk_town.build(database), "1")
    with database.writing() as connection:  # as if the clock was set back by a minute since
        ahead = lives.clock(connection) + timedelta(minutes=1)
        lives.log(connection, {key: Line(ahead, "desk", "reply", "reported", "reported")})
    _, new = photos.add(database, PhotoFolder(tmp_path), key, JPEG, who="desk")
    assert new
    with database.reading() as connection:
        last = lives.log_of(connection, key)[-1]
    assert (last["move"], last["at"]) == ("photo", ahead)
