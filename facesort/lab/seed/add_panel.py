"""The panel that adds persons: a form, and the result for every offered photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import ipywidgets as widgets

from facesort.core.text.words import several
from facesort.engine.gallery.left_out import LeftOut
from facesort.engine.gallery.person_folders import photos_at
from facesort.engine.gallery.seed import SeedReport
from facesort.errors import FacesortError
from facesort.lab.seed.add_form import AddForm, Press
from facesort.lab.seed.cards import report_html
from facesort.lab.seed.face_choice import FaceChoice
from facesort.lab.seed.session import Offer, SeedSession
from facesort.lab.shared.html import notice
from facesort.lab.shared.session import discard
from facesort.reasons import Reason

_FORCEABLE = {Reason.CLOSER_TO_OTHER, Reason.LOOKS_LIKE_OTHER}


class AddPanel:
    """A form that seeds persons, and a tile for every photo that was offered."""

    def __init__(self, session: SeedSession) -> None:
        self._session = session
        self.form = AddForm(self.add)
        self.message = widgets.HTML()
        self.results = widgets.Box(layout=widgets.Layout(flex_flow="row wrap", grid_gap="12px"))
        self.widget = widgets.VBox(
            [session.history_line.widget, self.form, self.message, self.results]
        )
        session.follow("add", self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer the names in the gallery."""
        self.form.names = [card.person.name for card in self._session.view().cards]

    def add(self, press: Press) -> bool:
        """Seed with the uploads and the photos at the path, and show the result of each as soon as it is there.

        Returns
        -------
        bool
            Whether a reference was added.

        Raises
        ------
        FacesortError, OSError
            If there is no photo at the path, or the gallery cannot be changed now.
        """
        name = " ".join(press.name.split())
        with self._session.lock:
            offers, left_out = _offers(press)
            self._clear()
            self.message.value = notice(f"{name}: analysing {several(len(offers), 'photo')} …")
            reports: list[SeedReport] = []
            try:
                for report in self._session.add(name, offers, folder=press.folder or None):
                    self._show(report, offers[len(reports)])
                    reports.append(report)
            except BaseException:
                self.message.value = ""
                raise
            finally:
                added = any(report.refused is None for report in reports)
                if added:
                    self._session.changed()
            self.message.value = _summary(name, reports, left_out)
            return added

    def _clear(self) -> None:
        """Remove the tiles of earlier presses, except those on which something is to be decided."""
        decided = [tile for tile in self.results.children if len(tile.children) == 1]
        self._remove(*decided)

    def _remove(self, *tiles: widgets.VBox) -> None:
        self.results.children = [tile for tile in self.results.children if tile not in tiles]
        discard(*tiles)

    def _show(self, report: SeedReport, offer: Offer) -> None:
        tile = widgets.VBox()
        self._fill(tile, report, offer)
        self.results.children = (*self.results.children, tile)

    def _fill(self, tile: widgets.VBox, report: SeedReport, offer: Offer) -> None:
        """Show a report; if the user may decide otherwise, with what that takes."""
        before = tile.children
        reason = None if report.refused is None else report.refused.reason
        several_faces = reason is Reason.SEVERAL_FACES
        tile.layout.width = "min(560px, 100%)" if several_faces else "260px"
        text = report_html(report, offer.file_name, pictured=not several_faces)
        tile.children = [widgets.HTML(text)]
        if several_faces:
            tile.children = [*tile.children, self._faces(tile, report, offer)]
        if reason in _FORCEABLE:
            tile.children = [*tile.children, self._anyway(tile, report, offer)]
        if len(tile.children) > 1:
            leave = widgets.Button(description="Leave out", tooltip=f"Leave out {offer.file_name}")
            leave.on_click(lambda _: self._remove(tile))
            tile.children = [*tile.children, leave]
        discard(*before)  # so that nobody hears the second click of a double click

    def _faces(self, tile: widgets.VBox, report: SeedReport, offer: Offer) -> FaceChoice:
        return FaceChoice(
            report.analysis,
            f"Which face of {offer.file_name} is {report.candidate.name}?",
            lambda number: self._offer_again(tile, report, offer, replace(offer, face=number)),
        )

    def _anyway(self, tile: widgets.VBox, report: SeedReport, offer: Offer) -> widgets.Button:
        button = widgets.Button(description="Add anyway", icon="exclamation-triangle")
        forced = replace(offer, force=True)
        button.on_click(lambda _: self._offer_again(tile, report, offer, forced))
        return button

    def _offer_again(
        self, tile: widgets.VBox, refused: SeedReport, offer: Offer, decided: Offer
    ) -> None:
        """Offer the photo of a tile again, as the user decided."""
        name, folder = refused.candidate.name, refused.candidate.folder
        with self._session.lock:
            self.message.value = notice(f"{name}: analysing {offer.file_name} …")
            try:
                (report,) = self._session.add(name, [decided], folder=folder)
            except (FacesortError, OSError) as error:
                self._fill(tile, refused, offer)
                self.message.value = notice(str(error), good=False)
                return
            self._fill(tile, report, decided)
            self.message.value = _summary(name, [report])
            if report.refused is None:
                self.form.added(name)
                self._session.changed()


def _offers(press: Press) -> tuple[list[Offer], Sequence[LeftOut]]:
    """Uploads first, then the photos at the path; and what else is there."""
    offers = [Offer(name, content) for name, content in press.uploads]
    left_out: Sequence[LeftOut] = ()
    if text := press.path.strip().strip("\"'"):  # file managers copy paths in quotes
        found = photos_at(Path(text).expanduser())
        offers += [Offer(path.name, path) for path in found.photos]
        left_out = found.left_out
    return offers, left_out


def _summary(name: str, reports: Sequence[SeedReport], left_out: Sequence[LeftOut] = ()) -> str:
    refused = sum(report.refused is not None for report in reports)
    added = len(reports) - refused
    text = f"{name}: {several(added, 'reference')} added"
    if refused:
        text += f", {refused} refused; the reasons are below. Refused photos are not kept."
    text = "\n".join([text, *map(str, left_out)])
    return notice(text, good=added > 0)
