"""Unknown people: groups of unknown faces, to name or to ignore."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np

from facesort.core.words import several
from facesort.engine.review import answers
from facesort.engine.review.clusters import Cluster, find_clusters
from facesort.lab.review.panel import Panel, faces
from facesort.lab.review.session import NOT_SORTED, ReviewSession
from facesort.lab.review.sheet import PAGE, UNDO, FaceSheet, SheetAction, paginate
from facesort.lab.review.tiles import cluster_tile, face_tile
from facesort.store.queries import face_sets
from facesort.store.queries.review import faces_with_crops

_SHOWN = 4  # faces on the tile of a group
_GROUPS = PAGE // _SHOWN
_IGNORE = SheetAction("ignore", "Ignore", "i", "bad", "never asked about again", removes=True)
_GROUP_ACTIONS = (
    SheetAction("name", "Name", "", "good", "enter the name above"),
    SheetAction("open", "Show all faces", "Enter", double_click=True, tooltip="or double-click"),
    _IGNORE,
    UNDO,
)
_FACE_ACTIONS = (
    SheetAction("name", "Name these", "", "good", "enter the name above"),
    _IGNORE,
    SheetAction("close", "Close", "Escape", whole_page=True),
)


class UnknownPeoplePanel(Panel):
    """Groups of unknown faces."""

    def __init__(self, session: ReviewSession) -> None:
        super().__init__(session, "unknown people")
        style, wide = {"description_width": "70px"}, widgets.Layout(width="330px")
        self.name = widgets.Combobox(
            description="Name", placeholder="a new person, or one in the gallery",
            style=style, layout=wide,
        )  # fmt: skip
        self.folder = widgets.Text(
            description="Folder", placeholder="default: after the name", style=style, layout=wide
        )
        self.groups = FaceSheet(
            "groups of unknown faces", _GROUP_ACTIONS, self.on_group_action, self.turn
        )
        self.opened = FaceSheet(
            "all faces of a group", _FACE_ACTIONS, self.on_face_action, self.turn_faces
        )
        self.opened.layout.display = "none"
        self._clusters: list[Cluster] = []
        self._open: Cluster | None = None
        self.add(widgets.HBox([self.name, self.folder]), self.groups, self.opened)

    def update(self) -> str:
        """Group the unknown faces again."""
        session = self.session
        self._clusters, compared = find_clusters(
            session.workspace, session.pack, session.unknown_groups
        )
        self.name.options = list(self.session.face_counts())
        self._close()
        self.turn(self.groups.page)
        if not compared and not self.session.is_sorted():
            return NOT_SORTED
        single = compared - sum(map(len, self._clusters))
        # Of a group that was named since, most faces are unknown until a re-match.
        others = (
            f" {several(single, 'face is alone, or waits', 'faces are alone, or wait')} for a re-match."
            if single
            else ""
        )
        if not self._clusters:
            return f"No unknown person was found twice.{others}"
        groups = several(len(self._clusters), "group")
        return f"{groups} among {several(compared, 'unknown face')}, the largest first.{others}"

    def seconds(self) -> float:
        """What a refresh takes after a change, which the groups may depend on."""
        return max(super().seconds(), self.session.unknown_groups.seconds)

    def turn(self, page: int) -> None:
        """Show another page of groups, each as its most typical faces."""
        page, pages, part = paginate(page, len(self._clusters), _GROUPS)
        clusters = self._clusters[part]
        typical = [cluster.face_ids[:_SHOWN] for cluster in clusters]
        face_ids = np.concatenate([*typical, np.empty(0, dtype=np.int64)])
        crops = self.session.read(lambda store: face_sets.crops_of(store, face_ids))
        tiles = [
            cluster_tile(key, [crops[i][1] for i in ids.tolist()], len(cluster), cluster.spread)
            for key, (cluster, ids) in enumerate(zip(clusters, typical, strict=True), part.start)
        ]
        self.groups.show(tiles, page, pages)

    def on_group_action(self, name: str, keys: list[int]) -> None:
        """Carry out an action on the selected groups."""
        if name == "undo":
            self.undo()
        elif name == "open":
            self._open = self._clusters[keys[0]]
            self.turn_faces(0)
        else:
            self._edit(name, [int(i) for key in keys for i in self._clusters[key].face_ids])

    def turn_faces(self, page: int) -> None:
        """Show a page of the faces of the open group."""
        if self._open is None:
            return
        page, pages, part = paginate(page, len(self._open))
        face_ids = self._open.face_ids[part].tolist()
        found = self.session.read(lambda store: faces_with_crops(store, face_ids))
        self.opened.show([face_tile(face) for face in found], page, pages)
        self.opened.layout.display = ""

    def _close(self) -> None:
        self._open = None
        self.opened.show([])
        self.opened.layout.display = "none"

    def on_face_action(self, name: str, face_ids: list[int]) -> None:
        """Carry out an action on the selected faces of the open group."""
        if name == "close":
            self._close()
        else:
            self._edit(name, face_ids)

    def _edit(self, action: str, face_ids: Sequence[int]) -> None:
        workspace, count = self.session.workspace, faces(len(face_ids))
        if action == "ignore":
            self.edit(lambda: answers.ignore(workspace, face_ids), lambda _: f"{count} ignored.")
            return
        name, folder = " ".join(self.name.value.split()), self.folder.value.strip() or None
        if not name:
            self.report("Enter a name above, and press Name again.", good=False)
            return
        named = self.edit(
            lambda: answers.name_faces(workspace, face_ids, name, folder),
            lambda person: f"{count} named {person.name}; a re-match adds the photos.",
        )
        if named:
            self.warn_of_alike(name)
            self.name.value = self.folder.value = ""
