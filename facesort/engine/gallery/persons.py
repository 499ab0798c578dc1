"""What a user can do with the persons of the gallery: each verb is one action that can be undone."""

from __future__ import annotations

from facesort.clock import Clock, utc_now
from facesort.core.routing import safe_folder
from facesort.engine.gallery.action import undoable
from facesort.errors import GalleryError
from facesort.store.gallery import people
from facesort.store.queries.gallery import known_person
from facesort.workspace import Workspace


def rename_person(
    workspace: Workspace, name: str, new_name: str, *, clock: Clock = utc_now
) -> None:
    """Call a person by another name; their folder and what is in it stay as they are.

    Raises
    ------
    GalleryError
        If there is no such person, the new name is empty, or it is somebody else's.
    """
    wanted = new_name.strip()
    if not wanted:
        raise GalleryError("a person needs a name")
    with undoable(workspace, "rename", f"{name} is called {wanted} now", clock) as store:
        people.rename_person(store, known_person(store, name), wanted)


def move_folder(workspace: Workspace, name: str, folder: str, *, clock: Clock = utc_now) -> str:
    """Send a person's future copies to another folder; files that are in the output stay where they are.

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
        workspace, "move_folder", f"{name} goes to {wanted}/ from now on", clock
    ) as store:
        people.set_folder(store, known_person(store, name), wanted)
    return wanted


def remove_reference(workspace: Workspace, reference_id: int, *, clock: Clock = utc_now) -> None:
    """Take one reference out of the gallery.

    Raises
    ------
    GalleryError
        If it is not there any more, or is its person's only one.
    """
    summary = f"reference {reference_id} was removed"
    with undoable(workspace, "remove_reference", summary, clock) as store:
        people.delete_reference(store, reference_id)


def merge_persons(workspace: Workspace, name: str, into: str, *, clock: Clock = utc_now) -> None:
    """Make two persons one, who keeps the name and the folder of `into`.

    References and learned faces move.  What was decided and delivered for `name` stays where it is, and counts for
    `into` from now on; no file is moved.

    Raises
    ------
    GalleryError
        If one of them is not there, or they are the same.
    """
    if name == into:
        raise GalleryError(f"{name!r} cannot be merged into itself: choose another person")
    with undoable(workspace, "merge", f"{name} was merged into {into}", clock) as store:
        people.merge_persons(store, known_person(store, name), known_person(store, into))


def remove_person(workspace: Workspace, name: str, *, clock: Clock = utc_now) -> None:
    """Take a person out of the gallery, with their references and what was learned of them.

    Decisions and files of earlier sorts stay, and keep the name.  It is no erasure: faces that a sort found stay in
    the workspace.

    Raises
    ------
    GalleryError
        If there is no such person.
    """
    with undoable(workspace, "remove_person", f"{name} was removed", clock) as store:
        people.remove_person(store, known_person(store, name))


def set_delivery(workspace: Workspace, name: str, deliver: bool, *, clock: Clock = utc_now) -> None:
    """Say whether photos with this person may be delivered; if not, they go to nobody, not even to others in them.

    What is in the output stays there.

    Raises
    ------
    GalleryError
        If there is no such person.
    """
    summary = f"photos with {name} are {'delivered again' if deliver else 'delivered to nobody'}"
    with undoable(workspace, "set_delivery", summary, clock) as store:
        people.set_delivery(store, known_person(store, name), deliver)
