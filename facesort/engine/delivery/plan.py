"""What is delivered: the one answer that whatever leaves the workspace goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facesort.core.bursts import Burst, LeftOut, best_of_bursts, find_bursts
from facesort.core.routing import output_name
from facesort.core.stored import StoredPhoto
from facesort.settings import NearDuplicates, Settings
from facesort.store import Store
from facesort.store.queries.deliveries import left_out_files, wanted_folders
from facesort.store.queries.stored import stored_photos


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is delivered, and what is not.

    Parameters
    ----------
    photos : mapping of photo_id to StoredPhoto
        All of them.
    folders : mapping of photo_id to tuple of str
        Of each photo that is delivered, in the order of its faces.
    nowhere : tuple of (source, path, why)
        Files whose photo belongs in no folder, and duplicates.
    left_out : tuple of LeftOut
        Photos that are left out of a folder that they belong in.
    bursts : tuple of Burst
        Of the photos that belong in a folder.
    """

    photos: Mapping[int, StoredPhoto]
    folders: Mapping[int, tuple[str, ...]]
    nowhere: tuple[tuple[str, str, str], ...]
    left_out: tuple[LeftOut, ...]
    bursts: tuple[Burst, ...]

    @property
    def all_folders(self) -> set[str]:
        """Folders that hold something."""
        return {folder for folders in self.folders.values() for folder in folders}

    def files(self, photo_id: int) -> list[str]:
        """Relative paths of a photo's copies, ``<folder>/<name>``; of one that is not delivered, none."""
        photo = self.photos[photo_id]
        name = output_name(photo.photo.path, photo.sha256)
        return [f"{folder}/{name}" for folder in self.folders.get(photo_id, ())]


def plan_delivery(
    store: Store, settings: Settings, near_duplicates: NearDuplicates | None = None
) -> Delivery:
    """Say what is delivered as decisions and answers count now.

    Parameters
    ----------
    store : Store
        May be open for reading only.
    near_duplicates : {"keep", "best"}, optional
        Whether each folder holds all photos of a burst or only the best of them; by default as the settings say.
    """
    photos = {photo.photo.photo_id: photo for photo in stored_photos(store)}
    folders = wanted_folders(store, unknown_folder=settings.run.unknown_folder)
    nowhere = tuple(
        (source, path, why)
        for source, path, why, photo_id in left_out_files(store)
        if photo_id not in folders
    )
    wanted = [photo for key, photo in photos.items() if key in folders]
    bursts = find_bursts(wanted)
    left_out: list[LeftOut] = []
    if (near_duplicates or settings.photos.near_duplicates) == "best":
        folders, left_out = best_of_bursts(folders, wanted, bursts)
    return Delivery(photos, folders, nowhere, tuple(left_out), bursts)
