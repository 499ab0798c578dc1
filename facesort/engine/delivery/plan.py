"""What is delivered: the one answer that whatever leaves the workspace goes by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from facesort.core.clips import Track
from facesort.core.delivery.posters import as_still, at_frame, copy_name, stored_shares
from facesort.core.moments.bursts import Burst, LeftOut, best_of_bursts, find_bursts
from facesort.core.stored import Key, StoredPhoto
from facesort.settings import Clips, NearDuplicates, Settings
from facesort.store import Store
from facesort.store.queries.delivery.deliveries import left_out_files, wanted_folders
from facesort.store.queries.gallery import person_summaries
from facesort.store.queries.stored import stored_photos
from facesort.store.queries.tracks import tracks_of


@dataclass(frozen=True, slots=True)
class Picture:
    """One content that is delivered, and where.

    Parameters
    ----------
    photo : StoredPhoto
        A photo, a clip as one of its frames (`facesort.core.delivery.posters.at_frame`), or a whole clip.
    files : tuple of str
        Relative paths of its copies, ``<folder>/<name>``.
    """

    photo: StoredPhoto
    files: tuple[str, ...]


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
    pictures : mapping of Key to Picture
        What is in these folders, in order.
    clips : mapping of photo_id to tuple of str
        Folders of those who may know that they are in a clip, also where nothing of it is delivered.
    """

    photos: Mapping[int, StoredPhoto]
    folders: Mapping[int, tuple[str, ...]]
    nowhere: tuple[tuple[str, str, str], ...]
    left_out: tuple[LeftOut, ...]
    bursts: tuple[Burst, ...]
    pictures: Mapping[Key, Picture]
    clips: Mapping[int, tuple[str, ...]]

    @property
    def all_folders(self) -> set[str]:
        """Folders that hold something."""
        return {folder for folders in self.folders.values() for folder in folders}


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
    left_out: list[LeftOut] = []
    clips = {key: names for key, names in folders.items() if photos[key].clip is not None}
    if settings.photos.clips == "none":
        left_out += [LeftOut(key, name, "clips_none") for key in clips for name in folders[key]]
        folders = {key: names for key, names in folders.items() if key not in clips}
    wanted = [photo for key, photo in photos.items() if key in folders and photo.clip is None]
    bursts = find_bursts(wanted)
    if (near_duplicates or settings.photos.near_duplicates) == "best":
        folders, others = best_of_bursts(folders, wanted, bursts)
        left_out += others
    found = pictures_of(store, photos, folders, settings.photos.clips)
    pictures = {picture.photo.key: picture for picture in found}
    return Delivery(photos, folders, nowhere, tuple(left_out), bursts, pictures, clips)


def pictures_of(
    store: Store,
    photos: Mapping[int, StoredPhoto],
    folders: Mapping[int, Sequence[str]],
    clips: Clips,
) -> Iterator[Picture]:
    """What is delivered of some photos and clips, in order.

    Parameters
    ----------
    folders : mapping of photo_id to sequence of str
        In which they belong.
    """
    people = {found.person.folder: found.person.person_id for found in person_summaries(store)}
    followed = [f.face_id for key in folders for f in photos[key].faces if f.track is not None]
    tracks = tracks_of(store, followed, strip=False) if followed else {}
    for key in sorted(folders):
        wanted = {folder: people.get(folder) for folder in folders[key]}
        yield from _pictures(photos[key], wanted, clips, tracks)


def _pictures(
    photo: StoredPhoto,
    wanted: Mapping[str, int | None],
    clips: Clips,
    tracks: Mapping[int, Track],
) -> Iterator[Picture]:
    """What is delivered of one photo or clip; `wanted`: the persons by their folders."""
    theirs = stored_shares(photo, wanted.values(), clips)
    for at_ms in sorted(set(theirs.values()), key=lambda ms: ms or 0):
        shown = as_still(photo) if at_ms is None else at_frame(photo, at_ms, tracks)
        name = copy_name(shown)
        who = {key for key, ms in theirs.items() if ms == at_ms}
        files = tuple(f"{folder}/{name}" for folder, key in wanted.items() if key in who)
        yield Picture(shown, files)
