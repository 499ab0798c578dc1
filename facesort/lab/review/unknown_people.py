"""Unknown people: groups of unknown faces, to name or to ignore."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import ipywidgets as widgets
import numpy as np

from facesort.core.text.words import several
from facesort.engine.review import answers
from facesort.engine.review.clusters import Cluster, Kept, UnknownPeople, Work, find_unknown
from facesort.lab.review.filter_bar import FilterBar, of_all
from facesort.lab.review.panel import Panel, faces
from facesort.lab.review.place import Layer, Place
from facesort.lab.review.session import NOT_SORTED, ReviewSession
from facesort.lab.review.sheet import CLOSE, GROUPS, ON_TILE, OPEN, UNDO, SheetAction, paginate
from facesort.lab.review.suggestions import SuggestionBox
from facesort.lab.review.tiles import cluster_tile, face_tile
from facesort.lab.shared.front_end import is_interactive
from facesort.store.queries import face_sets
from facesort.store.queries.review.chosen import fitting
from facesort.store.queries.review.shown import faces_with_crops
from facesort.store.queries.review.unknown import LeftOut

_AT_ONCE = 2000  # faces whose groups are found in less than a second
_IGNORE = SheetAction("ignore", "Ignore", "i", "bad", "never asked about again", removes=True)
_GROUP_ACTIONS = (
    SheetAction("name", "Name", "m", "good", "enter the name above"),
    OPEN,
    _IGNORE,
    UNDO,
)
_FACE_ACTIONS = (
    SheetAction("name", "Name these", "m", "good", "enter the name above"),
    _IGNORE,
    UNDO,
    CLOSE,
)
_LEFT_OUT: Mapping[LeftOut, str] = MappingProxyType(
    {
        "in_doubt": "in groups that may be somebody's (see the doubtful matches)",
        "ignored": "ignored",
        "poor": "too poor to compare",
        "not_comparable": "erased, or of another model pack",
    }
)


class UnknownPeoplePanel(Panel):
    """Groups of unknown faces."""

    def __init__(self, session: ReviewSession) -> None:
        super().__init__(session, "unknown people")
        style, wide = {"description_width": "70px"}, widgets.Layout(width="330px")
        # Not letter by letter: while the kernel is busy the later ones wait, and a key would name them "G".
        self.name = widgets.Combobox(
            description="Name", placeholder="a new person, or one in the gallery",
            style=style, layout=wide, continuous_update=False,
        )  # fmt: skip
        self.folder = widgets.Text(
            description="Folder", placeholder="default: after the name",
            style=style, layout=wide, continuous_update=False,
        )  # fmt: skip
        self.groups = self.face_sheet(
            "groups of unknown faces",
            _GROUP_ACTIONS,
            self.on_group_action,
            self.turn,
            of_groups=True,
        )
        self.opened = self.face_sheet(
            "all faces of a group", _FACE_ACTIONS, self.on_face_action, self.turn_faces
        )
        self.layer = Layer(self.opened)
        self.place = Place(self.groups, self.layer)
        self._clusters: dict[int, Cluster] = {}
        self._open: set[int] = set()  # the group that any of these faces is in
        self.filter = FilterBar(self.first_page)
        row = widgets.Layout(flex_flow="row wrap")
        fields = widgets.Box([self.name, self.folder], layout=row)
        self.suggestions = SuggestionBox(self)
        if session.finding is not None:  # this cell was run before
            session.finding.add_done_callback(self._found)
        self.add(self.suggestions.place.widget, self.filter.widget, fields, self.place.widget)

    def update(self) -> str:
        """Show the groups of those who have no name yet."""
        session = self.session
        found, session.unknown_groups = find_unknown(
            *(session.workspace, session.pack, session.unknown_groups, self._later),
            finding=session.finding is not None,
            read=session.read,
            unknown=session.unknown(),
        )
        self.filter.offer(session.origins())
        chosen = self.filter.chosen()
        grouped = [i for cluster in found.clusters for i in cluster.face_ids.tolist()]
        fit = self.session.read(lambda store: fitting(store, grouped, chosen))
        self._clusters = {
            cluster.key: cluster
            for cluster in found.clusters
            if not fit.isdisjoint(cluster.face_ids.tolist())
        }
        self.name.options = self.session.names()
        self.turn(self.groups.page)
        self.turn_faces(self.opened.page)
        self.suggestions.show(found.may_be)
        if not found.total and not session.is_sorted():
            return NOT_SORTED
        shown = of_all(len(self._clusters), len(found.clusters), "group")
        return _summary(found) + ("" if chosen.is_all else f" {shown} shown.")

    def first_page(self) -> None:
        """Show the first page of what is chosen."""
        self.groups.page = 0
        self.refresh()

    def _later(self, work: Work, faces: int) -> bool:
        """Find the groups of many faces while the page is used; whoever waits for a notebook gets them at once."""
        if faces <= _AT_ONCE or not is_interactive():
            return False
        self.session.finding = asyncio.get_running_loop().run_in_executor(None, work)
        self.session.finding.add_done_callback(self._found)
        return True

    def _found(self, finding: asyncio.Future[Kept]) -> None:
        self.session.finding = None
        error = finding.exception()
        if error is not None:
            self.report(f"The groups could not be found: {error}", good=False)
            return
        self.session.unknown_groups = finding.result()
        self.refresh()

    def turn(self, page: int) -> None:
        """Show another page of groups, each as its most typical faces."""
        page, pages, part = paginate(page, len(self._clusters), GROUPS)
        shown = list(self._clusters.items())[part]
        typical = [cluster.face_ids[:ON_TILE] for _, cluster in shown]
        face_ids = np.concatenate([*typical, np.empty(0, dtype=np.int64)])
        crops = self.session.read(lambda store: face_sets.crops_of(store, face_ids))
        tiles = [
            cluster_tile(key, [crops[i] for i in ids.tolist()], len(cluster), cluster.spread)
            for (key, cluster), ids in zip(shown, typical, strict=True)
        ]
        self.groups.show(tiles, page, pages)

    def on_group_action(self, name: str, keys: list[int]) -> bool:
        """Carry out an action on the selected groups; returns whether it was done."""
        chosen = [self._clusters[key] for key in keys if key in self._clusters]
        if name == "undo":
            self.undo()
        elif not chosen:  # they have gone meanwhile
            self.refresh()
        elif name == "open":
            self._open = set(chosen[0].face_ids.tolist())
            self.turn_faces(0)
            self.place.open(self.layer)
        else:
            return self._edit(name, [i for c in chosen for i in c.face_ids.tolist()])
        return True

    def turn_faces(self, page: int) -> None:
        """Show a page of the faces of the open group."""
        clusters = self._clusters.values()
        group = next((c for c in clusters if not self._open.isdisjoint(c.face_ids.tolist())), None)
        if group is None:
            self._open = set()
            self.place.close(self.layer)
            return
        page, pages, part = paginate(page, len(group))
        face_ids = group.face_ids[part].tolist()
        found = self.session.read(lambda store: faces_with_crops(store, face_ids))
        self.layer.title(f"A group of {faces(len(group))}, the most typical first.")
        self.opened.show([face_tile(face) for face in found], page, pages)

    def on_face_action(self, name: str, face_ids: list[int]) -> bool:
        """Carry out an action on the selected faces of the open group; returns whether it was done."""
        if name == "undo":
            self.undo()
        elif name == "close":
            self._open = set()
            self.place.close(self.layer)
        else:
            return self._edit(name, face_ids)
        return True

    def _edit(self, action: str, face_ids: Sequence[int]) -> bool:
        workspace, count = self.session.workspace, faces(len(face_ids))
        if action == "ignore":
            return self.edit(
                lambda: answers.ignore(workspace, face_ids, seen=self.seen),
                lambda _: f"{count} ignored.",
            )
        name, folder = " ".join(self.name.value.split()), self.folder.value.strip() or None
        if not name:
            self.report("Enter a name above, and press Name again.", good=False)
            return False
        named = self.edit(
            lambda: answers.name_faces(workspace, face_ids, name, folder, seen=self.seen),
            lambda person: f"{count} named {person.name}; a re-match adds the photos.",
        )
        if named:
            self.warn_of_alike(name)
            self.name.value = self.folder.value = ""
        return named


def _summary(found: UnknownPeople) -> str:
    """All unknown faces, in parts that add up."""
    asked = f" {several(len(found.may_be), 'suggestion')} above." if found.may_be else ""
    groups = several(len(found.clusters), "group")
    parts = {
        f"in {groups}, the largest first": found.grouped,
        "in no group": found.alone,
        "near somebody who came since: a re-match decides": found.waiting,
        "are being grouped, which takes some time: the page can be used meanwhile": found.finding,
    } | {_LEFT_OUT[why]: number for why, number in found.left_out.items()}
    said = "; ".join(f"{number:,} {where}" for where, number in parts.items() if number)
    return (
        f"{several(found.total, 'unknown face')}: {said}.{asked}" if said else "No face is unknown."
    )
