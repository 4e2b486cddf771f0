"""``geo-service standards``: how soon incidents must be reached, handled and closed."""

import typer

from geo_service.api.routes.catalogue import Standards
from geo_service.cli.lists import SetList
from geo_service.services import catalogue

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Response standards (such as 567): show, set from a file. Of equal ones the last holds.\n\n"
    "Example: geo-service standards set standards.toml",
)

SetList("standards", Standards, read=catalogue.standards, write=catalogue.set_standards).commands(app)
