"""The public API, for scripts and for notebooks of your own: import it from `facesort`.

The rest of the package may change without notice.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

# The terminal loads these when it needs them.  A program that calls us may by then look for modules in a folder of
# somebody else's, as notebooks do: so here they are loaded with the rest.
import filelock as filelock
import pathvalidate as pathvalidate
import psutil as psutil

from facesort.engine.delivery.export import ExportReport as ExportReport, export as write_export
from facesort.engine.delivery.export_files import ExportOptions
from facesort.engine.job.batches import SortOptions
from facesort.engine.job.changes import RematchReport as RematchReport
from facesort.engine.job.sort import run_rematch, run_sort
from facesort.engine.setup import open_with_pack
from facesort.errors import FacesortError as FacesortError, WorkspaceError
from facesort.settings import NearDuplicates, override
from facesort.store.queries.reports import counts
from facesort.store.queries.tables import Relation, table
from facesort.workspace import open_workspace


class WorkspaceView:
    """Read-only tables of a workspace, as `open` returns it.

    Each table is a DuckDB relation.  ``.df()`` gives a pandas DataFrame, ``.pl()`` a Polars one,
    ``.to_arrow_table()`` and ``.arrow()`` Arrow data (``pip install 'facesort[frames]'`` brings all three);
    ``.fetchall()``, ``.filter()``, ``.aggregate()``, ``.join()`` and ``.write_parquet()`` need nothing else.

    A file is a path in a source; a photo is content, decided and delivered once, however many files hold it; a shot
    is what was taken, as the RAW and the JPEG of one exposure.  `files` counts as ``facesort status`` does.

    Persons have today's names.  ``source`` and ``path`` of a photo or a face are those of the file that stands for the
    photo: one that is there, if any is.  `faces`, `photos` and `files` combine the machine's decisions with your
    answers.  Times are in UTC, except ``captured_at`` and ``taken_at``, which are by the camera's clock.

    Notes
    -----
    A relation cannot be read after the view is closed.  Its rows are copied out of the database when you ask for the
    table, except those of `biometrics`, which are read whenever the relation is.  It belongs to a connection in memory
    that may write files; the database's own may open none.  Read an Arrow reader to its end before the next query.
    While a view is open, no other process can sort, review or seed: keep the ``with`` block short, and take data
    frames out of it.

    Examples
    --------
    >>> with facesort.open("hot_storage") as event:
    ...     event.files.aggregate("status, count(*) AS files").order("status").df()
          status  files
    0  duplicate      1
    1     failed      2
    2    matched     12
    3    no_face      2
    4    unknown      4
    """

    def __init__(self, root: Path) -> None:
        self._workspace = open_workspace(root)
        self._store = self._workspace.open_store(read_only=True)
        self._connected = True
        self._closed = False

    @property
    def path(self) -> Path:
        """The workspace's folder."""
        return self._workspace.root

    @property
    def photos(self) -> Relation:
        """One row per photo that was decided itself, with its current state, also if it is in no source any more.

        ``photo_id``, ``source``, ``path``, ``status``, ``reason`` (why it reached no folder), ``detail``, ``faces``
        (number), ``persons`` (list of names), ``captured_at`` (as the camera wrote it), ``utc_offset`` (of the camera's
        clock, minutes east of UTC; null if not recorded), ``taken_at`` (corrected by the offset that you set),
        ``camera``, ``format``, ``width``, ``height`` (px), ``size`` (bytes), ``sha256``, ``shot_id`` (the same for all
        photos of a shot), ``present`` (whether a file in the sources holds it), ``superseded`` (whether it was edited
        since, and its new version is delivered instead), ``remarks`` (list of codes: what to know of a photo although
        it was read; ``damaged``, ``pages``, ``tone_mapped``, ``turned``, and ``upright`` if its copies are turned),
        ``turn`` (degrees clockwise by which it must be turned to hang as its faces say; 0 if its file says how it
        hangs), ``duration_ms`` (of a clip; null: it is a photo).
        """
        return self._table("photos")

    @property
    def files(self) -> Relation:
        """One row per file that was found in a source, also if it is gone.

        ``file_id``, ``source``, ``path``, ``state`` (``present``, ``gone``, or ``replaced`` by another file under its
        name), ``size`` (bytes), ``modified_at``; of present files, ``status``, ``reason`` and ``detail`` of the
        photo, or ``duplicate`` if another file stands for it; ``photo_id`` (null if it could not be read),
        ``shot_id``, ``same_as_source`` and ``same_as`` (source and path of the file that stands for this one), and
        ``remarks`` of what it holds.
        The photo of a linked file, with the reason ``same_shot``, was not decided itself, and is not in `photos`.
        """
        return self._table("files")

    @property
    def shots(self) -> Relation:
        """One row per shot of which a file is there.

        ``shot_id``, ``source`` and ``path`` (of the photo that was known first), ``files`` (list of source/path, RAW
        and JPEG), ``companions`` (list of source/path: sidecars, the movie of a Live Photo), ``taken_at``,
        ``camera``.
        """
        return self._table("shots")

    @property
    def faces(self) -> Relation:
        """One row per face, with the effective person.

        ``face_id``, ``photo_id``, ``source``, ``path``, ``person`` (null: unknown), ``outcome``, ``reason``,
        ``distance`` (to ``person``; of an unknown face, to ``candidate``; null for a person that only you saw in it),
        ``candidate`` (the machine's choice, else the nearest person), ``runner_up``, ``runner_up_distance``,
        ``group_distance`` (root mean square distance at which the face's group came to a person; null without such a
        group) and ``group_faces`` (how many others are in it), ``by_user`` (whether your answer decided), ``answer``
        (yours about ``person``), ``awaits`` (whether it is in a clip that ``person`` does not get before your yes),
        ``learned``, ``reference``, ``quality``, ``score``, ``sharpness``, ``yaw``, and the
        box ``x_min``, ``y_min``, ``x_max``, ``y_max`` in px of the upright photo.
        """
        return self._table("faces")

    @property
    def tracks(self) -> Relation:
        """One row per face that was followed through a clip, in the order of the clips and times; all are in `faces`.

        ``face_id``, ``photo_id``, ``source``, ``path``, ``person``, ``outcome``, ``awaits``, as in `faces`;
        ``start_ms`` and ``end_ms`` (when it is seen, from the first frame), ``best_ms`` (its best frame), ``samples``
        (in how many it was found).
        """
        return self._table("tracks")

    @property
    def decisions(self) -> Relation:
        """One row per face and round: all decisions of the machine, without your answers.

        ``face_id``, ``round`` (0: the sort), ``run_id``, ``kind`` (``sort``, ``retry``, ``rematch``), ``source``,
        ``path``, ``outcome``, ``reason``, ``person``, ``distance``, ``nearest``, ``runner_up``,
        ``runner_up_distance``, ``group_distance``, ``group_faces``.
        """
        return self._table("decisions")

    @property
    def persons(self) -> Relation:
        """One row per person in the gallery.

        ``person_id``, ``person``, ``folder``, ``withheld``, ``reference_faces``, ``learned_faces``, ``photos`` (with
        the person in them) and ``files`` (verified copies in the output).
        """
        return self._table("persons")

    @property
    def runs(self) -> Relation:
        """One row per sort and re-match.

        ``run_id``, ``kind``, ``state``, ``started_at``, ``ended_at``, ``photos`` (analysed), ``strict``, ``loose``,
        ``pack``, ``pack_id``, ``version``, ``settings`` (JSON, as they took effect).
        """
        return self._table("runs")

    @property
    def commits(self) -> Relation:
        """The commit log: one row per copy in the output, planned, verified or failed.

        ``commit_id``, ``file`` (path in the output), ``source``, ``photo`` (path in the source), ``person`` (null:
        the folder of unknown faces, or somebody who was forgotten), ``status``, ``reason``, ``sha256``, ``size``,
        ``photo_id``.
        """
        return self._table("commits")

    def biometrics(self) -> Relation:
        """One row per face, in no order, with its embedding and crop: biometric data, which no other table holds.

        ``face_id``, ``photo_id``, ``pack_id``, ``embedding`` (``numpy.frombuffer(embedding, "<f4")``; embeddings of
        different packs cannot be compared), ``crop`` (a small JPEG).
        """
        return self._table("biometrics")

    def close(self) -> None:
        """Close the connection, so that other processes can write to the workspace."""
        self._disconnect()
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{'closed ' if self._closed else ''}workspace {self.path}>"

    def _table(self, name: str) -> Relation:
        if self._closed:
            raise WorkspaceError(
                f"the view of {self.path} is closed: open it again with facesort.open()"
            )
        if not self._connected:
            self._store = self._workspace.open_store(read_only=True)
            self._connected = True
        return table(self._store, name)

    def _disconnect(self) -> None:
        """Release the database; `_table` connects again."""
        self._store.close()
        self._connected = False


@dataclass(frozen=True, slots=True)
class SortResult:
    """What a workspace holds after a sort.

    Parameters
    ----------
    run_id : int
        As in `WorkspaceView.runs`.
    photos : dict of str to int
        Files by status; adds up to all that are in the sources.
    faces : dict of str to int
        By outcome.
    files : dict of str to int
        Verified copies by person.

    Examples
    --------
    >>> result = facesort.sort("hot_storage")
    >>> result.photos
    {'pending': 0, 'matched': 12, 'unknown': 4, 'no_face': 2, 'duplicate': 1, 'failed': 2}
    >>> result.files["Person 1"]
    5
    """

    run_id: int
    photos: dict[str, int]
    faces: dict[str, int]
    files: dict[str, int]


def open(path: str | Path = "hot_storage") -> WorkspaceView:
    """Open a workspace for reading.

    Parameters
    ----------
    path : str or Path
        The workspace's folder, as given to ``facesort init -w``.

    Returns
    -------
    WorkspaceView
        A context manager; until it is closed, no other process can write to the workspace.

    Raises
    ------
    StoreLockedError
        While the workspace is being sorted, or a notebook works on it.
    WorkspaceError, StoreError
        If the folder is not a workspace, or its database is damaged or of another version.

    Examples
    --------
    >>> with facesort.open("hot_storage") as event:
    ...     nearest = event.faces.filter("person IS NULL").order("distance").limit(2)
    ...     nearest.select("path, candidate, round(distance, 2) AS distance").df()
                      path candidate  distance
    0  card-1/DSC00007.JPG  Person 4      1.29
    1  card-2/DSC00002.JPG  Person 4      1.32
    """
    return WorkspaceView(Path(path))


def sort(
    workspace: str | Path | WorkspaceView = "hot_storage",
    *,
    executor: Executor | None = None,
    on_photo: Callable[[int, int], None] | None = None,
    **settings: object,
) -> SortResult:
    """Sort new photos; resumes after any interruption.

    Unlike ``facesort sort``, this runs no notebook and saves none under ``runs/``.

    Parameters
    ----------
    workspace : str, Path or WorkspaceView
        Tables taken from a view before this call end: ask the view for them again.
    executor : Executor, optional
        Analyses the photos; by default processes on this machine, which find no module in the current folder and do
        not run your script again.
    on_photo : callable of (done, total), optional
        Called after every analysed photo.
    **settings
        ``workers``, ``strict``, ``loose``, ``margin``, ``learn`` or ``unknown_folder``, for this run only; the others
        are those in ``facesort.toml``.

    Raises
    ------
    WorkspaceBusyError, StoreLockedError
        If another process sorts in this workspace or has it open.
    GalleryError
        If the gallery is empty.
    PackError, PackMismatchError
        If the model pack is missing, or is not the one of the gallery's embeddings.
    SettingsError
        If a setting is not valid.
    SourceGoneError, OutputError
        If a disk is missing; a later sort resumes.

    Examples
    --------
    >>> facesort.sort("hot_storage").faces
    {'strict': 18, 'loose': 0, 'unknown': 12}
    """
    options = SortOptions(executor, on_photo) if on_photo else SortOptions(executor)
    opened, pack = open_with_pack(_folder_of(workspace))
    opened = replace(opened, settings=override(opened.settings, settings))
    run_id = run_sort(opened, pack, options)
    with opened.open_store(read_only=True) as store:
        found = counts(store)
    return SortResult(
        run_id,
        {status.value: n for status, n in found.photos.items()},
        {outcome.value: n for outcome, n in found.faces.items()},
        found.persons,
    )


def rematch(
    workspace: str | Path | WorkspaceView = "hot_storage", *, executor: Executor | None = None
) -> RematchReport:
    """Match all stored faces again, without inference, and add missing copies to the output.

    For after the gallery or the thresholds have changed.  A second re-match changes nothing.

    Parameters
    ----------
    workspace : str, Path or WorkspaceView
        Tables taken from a view before this call end: ask the view for them again.
    executor : Executor, optional
        Renders photos that are in no folder yet; by default processes on this machine.

    Returns
    -------
    RematchReport
        Which faces got a name, another one or none, and how many copies were added.

    Raises
    ------
    WorkspaceBusyError, StoreLockedError, GalleryError, PackError, PackMismatchError, OutputError
        As `sort`.

    Examples
    --------
    >>> facesort.rematch("hot_storage").files
    0
    """
    opened, pack = open_with_pack(_folder_of(workspace))
    return run_rematch(opened, pack, SortOptions(executor))[1]


def export(
    workspace: str | Path | WorkspaceView,
    folder: str | Path,
    *,
    hard_links: bool = False,
    xmp: bool = False,
    results: Literal["parquet", "csv"] | None = None,
    near_duplicates: NearDuplicates | None = None,
    with_location: bool = False,
    gallery: bool = False,
    executor: Executor | None = None,
) -> ExportReport:
    """Write a fresh, corrected delivery into a new folder, with an index and a SHA-256 manifest.

    Parameters
    ----------
    workspace : str, Path or WorkspaceView
        Tables taken from a view before this call stay usable.
    folder : str or Path
        Created if missing; must be empty, and outside source, output and workspace.
    hard_links : bool
        Link to the files of the output where possible, instead of copying them.
    xmp : bool
        Write face regions beside each file.
    results : {'parquet', 'csv'}, optional
        Write a table of all photos.
    near_duplicates : {'keep', 'best'}, optional
        Of similar photos taken at once, deliver all or each person's sharpest; by default as the settings say.
    with_location : bool
        Whether where each photo was taken goes into the index and the table of results.
    gallery : bool
        Write web pages of the event and of each person; they need no server.
    executor : Executor, optional
        Renders photos that are missing from the output; by default processes on this machine.

    Raises
    ------
    OutputError
        If the folder cannot be used, or the disk is full: the export is then incomplete.
    StoreLockedError
        While the workspace is being sorted.
    SettingsError
        If `results` or `near_duplicates` is something else.

    Examples
    --------
    >>> report = facesort.export("hot_storage", "delivery", results="csv")
    >>> report.files, report.left_out
    (18, {'only_unknown_faces': 4, 'no_face': 2, 'not_an_image': 2, 'duplicate': 1})
    """
    root = workspace.path if isinstance(workspace, WorkspaceView) else Path(workspace)
    opened, pack = open_with_pack(root)
    options = ExportOptions(hard_links, xmp, results, near_duplicates, with_location, gallery)
    return write_export(opened, pack, Path(folder).absolute(), options, executor)


def _folder_of(workspace: str | Path | WorkspaceView) -> Path:
    """Folder of a workspace that is about to be written to; a view releases its database."""
    if isinstance(workspace, WorkspaceView):
        workspace._disconnect()
        return workspace.path
    return Path(workspace)
