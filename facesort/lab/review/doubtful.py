"""Doubtful matches: each face beside the best reference of its person; yes, no, or not sure.

First come groups in doubt: all of their faces may be one person in the gallery, or a stranger.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import cast

import ipywidgets as widgets

from facesort.core.text.words import several
from facesort.engine.review import answers
from facesort.engine.review.answers import Answer
from facesort.lab.review.chain import SHOW_CHAIN, ChainBox
from facesort.lab.review.filter_bar import FilterBar, of_all
from facesort.lab.review.panel import Panel, faces
from facesort.lab.review.place import Layer, Place
from facesort.lab.review.session import LOW_QUALITY, NOT_SORTED, ReviewSession
from facesort.lab.review.sheet import (
    CLOSE,
    GROUPS,
    ON_TILE,
    OPEN,
    PAGE,
    UNDO,
    SheetAction,
    paginate,
)
from facesort.lab.review.tiles import doubtful_group_tile, pair_tile
from facesort.lab.shared.html import progress_html
from facesort.settings import Clips
from facesort.store.queries import Store
from facesort.store.queries.review.chosen import FaceFilter, fitting
from facesort.store.queries.review.shown import (
    DoubtfulGroup,
    Progress,
    count_doubtful,
    doubtful_faces,
    doubtful_groups,
    doubtful_once,
    faces_with_crops,
    groups_that_fit,
    progress,
)

_LABELS = MappingProxyType({"yes": "Yes", "no": "No", "unsure": "Not sure"})
_ANSWERS = (
    SheetAction("yes", "Yes", "y", "good", "it is this person", removes=True),
    SheetAction("no", "No", "n", "bad", "never matched to this person again", removes=True),
    SheetAction("unsure", "Not sure", "u", tooltip="moves to the end of the list", removes=True),
)
_GROUP_ACTIONS = (
    SheetAction("yes", "Yes, all", "y", "good", "all its faces are this person", removes=True),
    SheetAction("no", "No, none", "n", "bad", "none is; never matched to them", removes=True),
    _ANSWERS[2],
    OPEN,
    UNDO,
)

_DUE: Mapping[Clips, str] = MappingProxyType(
    {"poster": "the posters of those in clips", "copy": "copies of their clips", "none": ""}
)


class DoubtfulPanel(Panel):
    """Matches that somebody should check."""

    def __init__(self, session: ReviewSession) -> None:
        super().__init__(session, "doubtful")
        self.groups = self.face_sheet(
            "groups in doubt",
            _GROUP_ACTIONS,
            self.on_group_action,
            self.turn_groups,
            of_groups=True,
        )
        self.opened = self.face_sheet(
            "all faces of a group in doubt",
            (*_ANSWERS, SHOW_CHAIN, UNDO, CLOSE),
            self.on_opened_action,
            self.turn_opened,
        )
        self.sheet = self.face_sheet(
            "doubtful matches", (*_ANSWERS, SHOW_CHAIN, UNDO), self.on_action, self.turn
        )
        self.chain, self.opened_chain = ChainBox(self), ChainBox(self)
        self.opened_layer = Layer(self.opened)
        self.of_groups = Place(self.groups, self.opened_layer, self.opened_chain.layer)
        self.of_matches = Place(self.sheet, self.chain.layer)
        self._groups: dict[int, DoubtfulGroup] = {}
        self._open: set[int] = set()  # the group that any of these faces is in
        self._persons: dict[int, str] = {}
        usual = "the most doubtful first"
        self.filter = FilterBar(self.first_pages, usual=usual, persons=True)
        self.progress = widgets.HTML()
        self.add(self.progress, self.filter.widget, self.of_groups.widget, self.of_matches.widget)

    def update(self) -> str:
        """Show the pages of groups and of matches that have no answer yet."""
        every, found, stands, shown, waiting = self.session.read(self._show)
        self.chain.refresh()
        self.opened_chain.refresh()
        said = [of_all(found, every, "group")] if every else []
        said += [of_all(shown, stands.to_check, "match", "matches")] if stands.to_check else []
        if not said:
            return "No match is doubtful." if self.session.is_sorted() else NOT_SORTED
        chosen = self.filter.chosen()
        if chosen.is_all:
            first = "" if chosen.order else ", the most doubtful first"
            return f"{' and '.join(said)} to check{first}.{_waiting(waiting)}"
        return f"{' and '.join(said)} to check shown."

    def _show(self, store: Store) -> tuple[int, int, Progress, int, int]:
        with doubtful_once(store, low_quality=LOW_QUALITY):
            stands = progress(store, low_quality=LOW_QUALITY)
            # Before the rest is read and drawn: a browser shows it meanwhile.
            self.progress.value = progress_html(stands.looked_at, stands.total, "looked at")
            self.filter.offer(self.session.origins(), self.session.names())
            chosen, loose = self.filter.chosen(), self.session.thresholds.loose
            every = doubtful_groups(store)
            found = groups_that_fit(store, every, chosen)
            self._groups = {min(group.face_ids): group for group in found}
            self._persons = {i: group.person for group in found for i in group.face_ids}
            self._show_groups(store)
            shown = stands.to_check
            if not chosen.is_all:
                shown = count_doubtful(store, chosen, low_quality=LOW_QUALITY)
            page, pages, part = paginate(self.sheet.page, shown)
            some = doubtful_faces(
                store, chosen, loose=loose, low_quality=LOW_QUALITY, limit=PAGE, offset=part.start
            )
            waiting = count_doubtful(store, FaceFilter(clips=True))
        # Beside them are faces that are not doubtful.
        self._show_opened(store)
        self._persons |= {f.face_id: f.person for f in some if f.person is not None}
        draw = partial(pair_tile, low_quality=LOW_QUALITY)
        self.sheet.show(self.session.tiles(store, some, draw), page, pages)
        return len(every), len(found), stands, shown, waiting

    def first_pages(self) -> None:
        """Show the first pages of what is chosen."""
        self.groups.page = self.opened.page = self.sheet.page = 0
        self.refresh()

    def _show_groups(self, store: Store) -> None:
        page, pages, part = paginate(self.groups.page, len(self._groups), GROUPS)
        shown = list(self._groups.values())[part]
        some = faces_with_crops(store, [i for group in shown for i in group.face_ids[:ON_TILE]])
        found = {face.face_id: face for face in some}
        tiles = [
            doubtful_group_tile(group, [found[i] for i in group.face_ids[:ON_TILE]])
            for group in shown
        ]
        self.groups.show(tiles, page, pages)

    def _show_opened(self, store: Store) -> None:
        groups = self._groups.values()
        group = next((g for g in groups if not self._open.isdisjoint(g.face_ids)), None)
        self._open = set() if group is None else set(group.face_ids)
        if group is None:
            self.of_groups.close(self.opened_layer)
            return
        page, pages, part = paginate(self.opened.page, len(group.face_ids))
        found = faces_with_crops(store, group.face_ids[part])
        self.opened_layer.title(f"{faces(len(group.face_ids))} that may be {group.person}.")
        self.opened.show(self.session.tiles(store, found, pair_tile), page, pages)

    def turn(self, page: int) -> None:
        """Show another page of matches."""
        self.sheet.page = page
        self.refresh()

    def turn_groups(self, page: int) -> None:
        """Show another page of groups."""
        self.groups.page = page
        self.refresh()

    def turn_opened(self, page: int) -> None:
        """Show another page of the faces of the open group."""
        self.opened.page = page
        self.refresh()

    def on_group_action(self, name: str, keys: list[int]) -> None:
        """Answer for all faces of the selected groups, or open one."""
        chosen = [self._groups[key] for key in keys if key in self._groups]
        if name == "undo":
            self.undo()
        elif name == "open":
            self._open = {i for group in chosen[:1] for i in group.face_ids}
            self.turn_opened(0)
            if self._open:
                self.of_groups.open(self.opened_layer)
        else:
            persons = {i: group.person for group in chosen for i in group.face_ids}
            self._answer(name, persons)

    def on_opened_action(self, name: str, face_ids: list[int]) -> None:
        """Answer for the selected faces of the open group, or close it."""
        if name == "chain":
            self.opened_chain.open(face_ids[0], self.of_groups)
        elif name == "close":
            self._open = set()
            self.refresh()
        else:
            self.on_action(name, face_ids)

    def on_action(self, name: str, face_ids: list[int]) -> None:
        """Answer for the selected faces."""
        if name == "undo":
            self.undo()
        elif name == "chain":
            self.chain.open(face_ids[0], self.of_matches)
        else:
            self._answer(name, {i: self._persons[i] for i in face_ids if i in self._persons})

    def _answer(self, name: str, persons: Mapping[int, str]) -> None:
        self.edit(
            lambda: answers.answer_faces(
                self.session.workspace, persons, cast(Answer, name), seen=self.seen
            ),
            lambda _: f"{_LABELS[name]}: {faces(len(persons))}.{self._due(name, persons)}",
        )

    def _due(self, name: str, persons: Mapping[int, str]) -> str:
        """What a yes brings of clips, which nobody got before."""
        what = _DUE[self.session.workspace.settings.photos.clips]
        if name != "yes" or not what:
            return ""
        in_clips = partial(fitting, face_ids=persons, chosen=FaceFilter(clips=True))
        return f" A re-match delivers {what}." if self.session.read(in_clips) else ""


def _waiting(tracks: int) -> str:
    """That nobody gets what is doubtful in clips."""
    if not tracks:
        return ""
    them = several(tracks, "of them is in a clip", "of them are in clips")
    return f" {them}: delivered only after a yes."
