"""Edits of the persons in the gallery; each is one action that can be undone."""

from __future__ import annotations

from facesort.clock import Clock, utc_now
from facesort.core.delivery.routing import safe_folder
from facesort.engine.gallery.action import undoable
from facesort.errors import GalleryError
from facesort.store.gallery import people
from facesort.store.queries.gallery import known_person
from facesort.workspace import Workspace


def rename_person(
    workspace: Workspace, name: str, new_name: str, *, clock: Clock = utc_now
) -> None:
    """Rename a person; their folder and the files in it keep their names.

    Raises
    ------
    GalleryError
        If there is no such person, or the new name is empty, theirs already, or somebody else's.
    """
    wanted = new_name.strip()
    if not wanted:
        raise GalleryError("the new name is empty: give the person a name")
    if wanted == name:
        raise GalleryError(f"{name} has that name already: nothing was changed")
    with undoable(workspace, "rename", f"{name} was renamed to {wanted}", clock) as store:
        people.rename_person(store, known_person(store, name), wanted)


def move_folder(workspace: Workspace, name: str, folder: str, *, clock: Clock = utc_now) -> str:
    """Change the folder for a person's future copies; files in the output stay where they are.

    Returns
    -------
    str
        The folder, made safe for every file system.

    Raises
    ------
    GalleryError
        If there is no such person, or the folder is empty or taken.
    """
    wanted = safe_folder(folder)
    with undoable(
        workspace, "move_folder", f"the folder of {name} is {wanted}/ from now on", clock
    ) as store:
        people.set_folder(store, known_person(store, name), wanted)
    return wanted


def choose_picture(
    workspace: Workspace, name: str, reference_id: int | None, *, clock: Clock = utc_now
) -> None:
    """Show a person by one of their references in the gallery; None: by their best face.

    Raises
    ------
    GalleryError
        If there is no such person, or it is not a reference of theirs.
    """
    by = "their best face" if reference_id is None else "a chosen reference"
    with undoable(workspace, "choose_picture", f"{name} is shown by {by}", clock) as store:
        people.set_picture(store, known_person(store, name), reference_id)


def remove_reference(workspace: Workspace, reference_id: int, *, clock: Clock = utc_now) -> None:
    """Remove one reference from the gallery.

    Raises
    ------
    GalleryError
        If it was removed already, or is its person's only one.
    """
    summary = f"reference {reference_id} was removed"
    with undoable(workspace, "remove_reference", summary, clock) as store:
        people.delete_reference(store, reference_id)


def merge_persons(workspace: Workspace, name: str, into: str, *, clock: Clock = utc_now) -> None:
    """Merge a person into another, who keeps their name and folder.

    References and learned faces move.  Decisions and files of `name` count for `into` from now on; no file is moved.

    Raises
    ------
    GalleryError
        If one of them does not exist, or they are the same.
    """
    if name == into:
        raise GalleryError(f"{name!r} cannot be merged into itself: choose another person")
    with undoable(workspace, "merge", f"{name} was merged into {into}", clock) as store:
        people.merge_persons(store, known_person(store, name), known_person(store, into))


def remove_person(workspace: Workspace, name: str, *, clock: Clock = utc_now) -> None:
    """Remove a person from the gallery, with their references and learned faces.

    Decisions and files of earlier sorts stay, and keep the name.  This erases nothing that a sort found: see `forget`.

    Raises
    ------
    GalleryError
        If there is no such person.
    """
    with undoable(workspace, "remove_person", f"{name} was removed", clock) as store:
        people.remove_person(store, known_person(store, name))


def set_delivery(workspace: Workspace, name: str, deliver: bool, *, clock: Clock = utc_now) -> None:
    """Deliver or withhold a person: photos with a withheld person go to nobody, not even to others in them.

    Files in the output stay there.

    Raises
    ------
    GalleryError
        If there is no such person.
    """
    summary = f"photos with {name} are {'delivered again' if deliver else 'withheld'}"
    with undoable(workspace, "set_delivery", summary, clock) as store:
        people.set_delivery(store, known_person(store, name), deliver)
