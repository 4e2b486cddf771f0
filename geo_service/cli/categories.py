"""``geo-service categories``: the kinds of incidents, as the town has them."""

import typer

from geo_service.api.routes.catalogue import Categories
from geo_service.cli.lists import SetList
from geo_service.services import catalogue

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Categories of incidents (部件 and 事件): show, set from a file. What a file lacks is retired.\n\n"
    "Example: geo-service categories show > categories.toml",
)

SetList("categories", Categories, read=catalogue.categories, write=catalogue.set_categories).commands(app)
