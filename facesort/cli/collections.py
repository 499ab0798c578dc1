"""`collections import`, `list`, `delete`: what the service searches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesort.cli.terminal import FOLDER, data_option, json_option, postgres_option, say, say_json
from facesort.core.text.words import several

if TYPE_CHECKING:
    from facesort.core.collections.protocol import FaceCollections
    from facesort.core.collections.records import Collection

_PAGE = 1000


@click.group()
def collections() -> None:
    """Collections of faces that `facesort serve` searches; it must not be running, unless they are in PostgreSQL."""


@contextmanager
def _opened(data: Path, postgres: str | None) -> Iterator[FaceCollections]:
    from facesort.engine.collections.folder import state_folder
    from facesort.engine.collections.opening import open_collections

    store = open_collections(state_folder(data.absolute()), postgres)
    try:
        yield store
    finally:
        store.close()


@collections.command("import")
@click.argument("workspace", type=FOLDER)
@click.option(
    "--collection",
    "collection_id",
    metavar="ID",
    help="The collection.  [default: named after the folder]",
)
@data_option
@postgres_option
@json_option
def import_(
    workspace: Path, collection_id: str | None, data: Path, postgres: str | None, as_json: bool
) -> None:
    """Make a collection of WORKSPACE's gallery: each person is a user.

    The same command again brings it up to date: who was added or forgotten is added or erased.
    """
    from dataclasses import asdict

    from facesort.engine.collections.import_gallery import import_gallery
    from facesort.engine.setup import open_with_pack

    opened, pack = open_with_pack(workspace.absolute())
    with _opened(data, postgres) as store:
        done = import_gallery(opened, pack, store, collection_id)
    if as_json:
        say_json(asdict(done))
        return
    say(
        f"collection {done.collection_id}: {several(done.users, 'user')}, {several(done.added, 'face')} added, "
        f"{done.removed} erased"
    )
    if done.withheld:
        say(
            f"{several(done.withheld, 'person', 'persons')} left out: marked as not to be delivered"
        )
    if done.other_scale:
        say(
            "the workspace's thresholds have changed since the first import, and its similarities have not: delete the "
            "collection and import it again to change them"
        )


@collections.command("list")
@data_option
@postgres_option
@json_option
def list_(data: Path, postgres: str | None, as_json: bool) -> None:
    """Show all collections."""
    with _opened(data, postgres) as store:
        found = list(_all(store))
    if as_json:
        say_json(
            [
                {
                    "collection_id": c.collection_id,
                    "created_at": c.created_at.isoformat(timespec="seconds"),
                    "faces": c.faces,
                    "users": c.users,
                    "strict": c.strict,
                    "loose": c.loose,
                }
                for c in found
            ]
        )
        return
    for c in found:
        say(f"{c.collection_id}  {several(c.faces, 'face')}, {several(c.users, 'user')}")
    if not found:
        say("there is no collection yet: `facesort collections import WORKSPACE` makes one")


@collections.command()
@click.argument("collection_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@data_option
@postgres_option
def delete(collection_id: str, yes: bool, data: Path, postgres: str | None) -> None:
    """Erase collection ID with all its faces and users, for good."""
    with _opened(data, postgres) as store:
        found = store.collection(collection_id)
        if not yes:
            say(
                f"{collection_id}: {several(found.faces, 'face')} and {several(found.users, 'user')} will be erased",
                err=True,
            )
            click.confirm("This cannot be undone. Erase them?", abort=True, err=True)
        store.delete(collection_id)
    say(f"collection {collection_id} is erased")


def _all(store: FaceCollections) -> Iterator[Collection]:
    after = ""
    while page := store.collections(after=after, limit=_PAGE):
        yield from page
        after = page[-1].collection_id
