"""A watcher in a process of its own that looks for cards without end, until it is killed."""

from multiprocessing.synchronize import Event

from geo_service.services.duty_book import DutyBooks
from geo_service.services.escalating import Escalation
from geo_service.services.tiling import Tilings
from geo_service.store.database import Database


def watch(url: str, ready: Event) -> None:
    """Tell when the first look begins."""
    database = Database.connect(url)
    escalation = Escalation(database, Tilings(database), DutyBooks(database))
    ready.set()
    while True:
        escalation.look()
