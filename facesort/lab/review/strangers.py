"""People whom nobody seeded: groups of unknown faces to name, or to ignore for good."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np

from facesort.core.words import several
from facesort.engine.review import answers as engine
from facesort.engine.review.clusters import Cluster, find_clusters
from facesort.lab.review.reviewing import NOT_SORTED, Panel, Reviewing, faces
from facesort.lab.review.sheet import PAGE, Act, FaceSheet, page_of
from facesort.lab.review.tiles import face_tile, group_tile
from facesort.store.queries import face_sets

_SHOWN = 4  # faces of a group
_GROUPS = PAGE // _SHOWN
_GROUP_ACTS = (
    Act("name", "Name", "", "good", "the name goes into the field above"),
    Act("open", "Show all faces", "Enter", opens=True, help="also: double click"),
    Act("ignore", "Ignore for good", "i", "bad", "never asked about again", takes=True),
    Act("undo", "Undo", "z", help="takes back what was done last", whole=True),
)
_FACE_ACTS = (
    Act("name", "Name these", "", "good", "the name goes into the field above"),
    Act("ignore", "Ignore for good", "i", "bad", "never asked about again", takes=True),
    Act("close", "Close", "Escape", whole=True),
)


class StrangersPanel(Panel):
    """Groups of unknown faces."""

    def __init__(self, review: Reviewing) -> None:
        super().__init__(review, "strangers")
        style, wide = {"description_width": "70px"}, widgets.Layout(width="330px")
        self.name = widgets.Combobox(
            description="Who is it", placeholder="a new name, or one known already",
            style=style, layout=wide,
        )  # fmt: skip
        self.folder = widgets.Text(
            description="Folder", placeholder="after the name", style=style, layout=wide
        )
        self.groups = FaceSheet("groups of unknown faces", _GROUP_ACTS, self.group_done, self.turn)
        self.opened = FaceSheet("all faces of a group", _FACE_ACTS, self.face_done, self.turn_faces)
        self.opened.layout.display = "none"
        self._found: tuple[Cluster, ...] = ()
        self._open: Cluster | None = None
        self.compose(widgets.HBox([self.name, self.folder]), self.groups, self.opened)

    def refresh(self) -> str:
        """Group the unknown faces again."""
        found = find_clusters(self.review.workspace, self.review.pack)
        self._found = found.clusters
        self.name.options = list(self.review.sizes())
        self._close()
        self._show(self.groups.page)
        if not found.faces and not self.review.is_sorted():
            return NOT_SORTED
        alone = (
            f" {several(found.single, 'face is', 'faces are')} like no other."
            if found.single
            else ""
        )
        if not found.clusters:
            return f"No unknown face is there twice.{alone}"
        grouped = several(len(found.clusters), "group")
        return f"{grouped} among {faces(found.faces)} of nobody, the largest first.{alone}"

    def _show(self, page: int) -> None:
        """A page of groups, each as its most typical faces."""
        page, pages, part = page_of(page, len(self._found), _GROUPS)
        shown = self._found[part]
        wanted = [cluster.face_ids[:_SHOWN] for cluster in shown]
        ids = np.concatenate(wanted) if wanted else np.empty(0, dtype=np.int64)
        crops = self.review.read(lambda store: face_sets.crops_of(store, ids))
        self.groups.show(
            [
                group_tile(key, [crops[i][1] for i in ids.tolist()], len(cluster), cluster.spread)
                for key, (cluster, ids) in enumerate(zip(shown, wanted, strict=True), part.start)
            ],
            page,
            pages,
        )

    def turn(self, page: int) -> None:
        """Show another page of groups."""
        self._show(page)

    def group_done(self, act: str, keys: list[int]) -> None:
        """Do it with the groups that were chosen."""
        if act == "undo":
            self.undo()
        elif act == "open":
            self._open = self._found[keys[0]]
            self.turn_faces(0)
        else:
            self._do(act, [int(i) for key in keys for i in self._found[key].face_ids])

    def turn_faces(self, page: int) -> None:
        """Show a page of the faces of the group that is open."""
        if self._open is None:
            return
        page, pages, part = page_of(page, len(self._open))
        found = self.review.faces(self._open.face_ids[part].tolist())
        self.opened.show([face_tile(face) for face in found], page, pages)
        self.opened.layout.display = ""

    def _close(self) -> None:
        self._open = None
        self.opened.show([])
        self.opened.layout.display = "none"

    def face_done(self, act: str, face_ids: list[int]) -> None:
        """Do it with the faces that were chosen, of the group that is open."""
        if act == "close":
            self._close()
        else:
            self._do(act, face_ids)

    def _do(self, act: str, face_ids: Sequence[int]) -> None:
        workspace = self.review.workspace
        if act == "ignore":
            self.act(
                lambda: engine.ignore(workspace, face_ids),
                lambda _: f"{faces(len(face_ids))} ignored for good.",
            )
            return
        name, folder = " ".join(self.name.value.split()), self.folder.value.strip() or None
        if not name:
            self.say("Say who it is: write a name above, and press Name again.", good=False)
            return
        named = self.act(
            lambda: engine.name_faces(workspace, face_ids, name, folder),
            lambda person: (
                f"{faces(len(face_ids))} named {person.name}; a re-match finds the photos."
            ),
        )
        if named:
            self.name.value = self.folder.value = ""
