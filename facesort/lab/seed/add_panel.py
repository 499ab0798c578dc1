"""The panel that adds persons: a form, and the result for every offered photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ipywidgets as widgets

from facesort.core.words import several
from facesort.engine.gallery.left_out import LeftOut
from facesort.engine.gallery.person_folders import photos_at
from facesort.engine.gallery.seed import SeedReport
from facesort.errors import FacesortError
from facesort.lab.seed.cards import report_html
from facesort.lab.seed.session import Offer, SeedSession
from facesort.lab.shared.front_end import on_press
from facesort.lab.shared.html import notice
from facesort.reasons import Reason

_FORCEABLE = {Reason.CLOSER_TO_OTHER, Reason.LOOKS_LIKE_OTHER}
# JupyterLab's server closes the connection on longer messages (tornado's websocket_max_message_size), and the browser
# discards the selection: nothing arrives here, not even an error.
_NO_PHOTO = (
    "Choose photos, or give a path. If you did choose some: JupyterLab loses uploads of more than about 10 MB at "
    "once; choose fewer, or give their path."
)
_ACCEPT = "image/*,.arw,.cr2,.cr3,.dng,.heic,.heif,.nef,.orf,.raf,.rw2"


class AddPanel:
    """A form that seeds persons."""

    def __init__(self, session: SeedSession) -> None:
        self._session = session
        wide = widgets.Layout(width="380px")
        style = {"description_width": "70px"}
        self.name = widgets.Combobox(
            description="Name", placeholder="new or existing person", layout=wide, style=style
        )
        self.folder = widgets.Text(
            description="Folder", placeholder="default: the name", layout=wide, style=style
        )
        self.upload = widgets.FileUpload(
            description="Choose photos", accept=_ACCEPT, multiple=True, layout={"width": "180px"}
        )
        self.path = widgets.Text(
            description="or path",
            placeholder="a photo or a folder on the computer that runs Jupyter",
            layout=widgets.Layout(width="480px"),
            style=style,
        )
        self.button = widgets.Button(
            description="Add references", button_style="primary", icon="user-plus"
        )
        on_press(self.button, self.add)
        self.message = widgets.HTML()
        self.results = widgets.Box(layout=widgets.Layout(flex_flow="row wrap", grid_gap="12px"))
        self.widget = widgets.VBox(
            [
                widgets.HBox([self.name, self.folder]),
                widgets.HBox([self.upload, self.path]),
                widgets.HBox([self.button]),
                self.message,
                self.results,
            ],
            layout=widgets.Layout(grid_gap="6px"),
        )
        session.follow("add", self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer the names in the gallery."""
        self.name.options = [card.person.name for card in self._session.view().cards]

    def add(self) -> None:
        """Seed with the uploads and the photos at the path, and show the result of each."""
        with self._session.lock:
            self._add()

    def _add(self) -> None:
        name = " ".join(self.name.value.split())
        try:
            offers, left_out = self._offers()
        except (FacesortError, OSError) as error:
            self.message.value = notice(str(error), good=False)
            return
        if not name or not offers:
            self.message.value = notice("Enter a name." if not name else _NO_PHOTO, good=False)
            return
        self.results.children = ()
        self._clear(self._seed(name, offers, left_out, force=False))

    def _clear(self, reports: Sequence[SeedReport]) -> None:
        """Clear the form for the next photos or person, so that nobody gets somebody else's photos."""
        if reports:
            self.upload.value, self.path.value = (), ""
        if any(report.refused is None for report in reports):
            self.name.value = self.folder.value = ""

    def _offers(self) -> tuple[list[Offer], Sequence[LeftOut]]:
        """Uploads first, then the photos at the path; and what else is there."""
        uploads: list[Offer] = [
            (item["name"], bytes(item["content"])) for item in self.upload.value
        ]
        text = self.path.value.strip().strip("\"'")  # file managers copy paths in quotes
        if not text:
            return uploads, ()
        found = photos_at(Path(text).expanduser())
        return uploads + [(path.name, path) for path in found.photos], found.left_out

    def _seed(
        self, name: str, offers: Sequence[Offer], left_out: Sequence[LeftOut] = (), *, force: bool
    ) -> list[SeedReport]:
        """Seed, and show each report as soon as it is available."""
        reports: list[SeedReport] = []
        self._disable(True)
        self.message.value = notice(
            f"Analysing {several(len(offers), 'photo')}; the first takes longest because the model is loaded."
        )
        try:
            folder = self.folder.value.strip() or None
            for report in self._session.add(name, offers, folder=folder, force=force):
                self._show(report, offers[len(reports)])
                reports.append(report)
            self.message.value = _summary(name, reports, left_out)
        except (FacesortError, OSError) as error:
            self.message.value = notice(str(error), good=False)
        finally:
            self._disable(False)
        if any(report.refused is None for report in reports):
            self._session.changed()
        return reports

    def _disable(self, working: bool) -> None:
        """Disable the form during the analysis, which clears it at the end."""
        for field in (self.name, self.folder, self.upload, self.path, self.button):
            field.disabled = working

    def _show(self, report: SeedReport, offer: Offer) -> None:
        """Show one report; if only the likeness to somebody else is against it, with a button that overrides that."""
        parts: list[widgets.Widget] = [widgets.HTML(report_html(report, offer[0]))]
        if report.refused is not None and report.refused.reason in _FORCEABLE:
            button = widgets.Button(description="Add anyway", icon="exclamation-triangle")
            on_press(button, lambda: self.add_anyway(report.candidate.name, offer))
            parts.append(button)
        tile = widgets.VBox(parts, layout=widgets.Layout(width="260px"))
        self.results.children = (*self.results.children, tile)

    def add_anyway(self, name: str, offer: Offer) -> None:
        """Add a photo that was refused only because it looks like somebody else."""
        with self._session.lock:
            self.results.children = ()
            self._seed(name, [offer], force=True)


def _summary(name: str, reports: Sequence[SeedReport], left_out: Sequence[LeftOut]) -> str:
    refused = sum(report.refused is not None for report in reports)
    added = len(reports) - refused
    text = f"{name}: {several(added, 'reference')} added"
    if refused:
        text += f", {refused} refused; the reasons are below. Refused photos are not kept."
    text = "\n".join([text, *map(str, left_out)])
    return notice(text, good=added > 0)
