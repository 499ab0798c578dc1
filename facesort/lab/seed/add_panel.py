"""The panel that adds persons: a form, and every offered photo with its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ipywidgets as widgets

from facesort.core.words import several
from facesort.engine.gallery.seed import SeedReport, photos_in
from facesort.errors import FacesortError
from facesort.lab.seed.cards import report_html
from facesort.lab.seed.seeding import Offer, Seeding
from facesort.lab.shared.front_end import on_press
from facesort.lab.shared.html import notice
from facesort.reasons import Reason

_FORCEABLE = {Reason.CLOSER_TO_OTHER, Reason.LOOKS_LIKE_OTHER}
# JupyterLab's server closes the connection on longer messages (tornado's websocket_max_message_size), and the browser
# forgets what was chosen: nothing arrives here, not even an error.
_NO_PHOTO = (
    "Choose photos, or give a path. If you did choose some: JupyterLab loses uploads of more than about 10 MB at "
    "once; choose fewer, or give their path."
)
_ACCEPT = "image/*,.arw,.cr2,.cr3,.dng,.heic,.heif,.nef,.orf,.raf,.rw2"


class AddPanel:
    """A form that seeds persons."""

    def __init__(self, seeding: Seeding) -> None:
        self._seeding = seeding
        wide = widgets.Layout(width="380px")
        style = {"description_width": "70px"}
        self.name = widgets.Combobox(
            description="Name", placeholder="new, or known already", layout=wide, style=style
        )
        self.folder = widgets.Text(
            description="Folder", placeholder="after the name", layout=wide, style=style
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
        seeding.follow("add", self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer the names that are in the gallery."""
        self.name.options = [card.person.name for card in self._seeding.view().cards]

    def add(self) -> None:
        """Offer what was uploaded and what lies under the path; says what became of each."""
        with self._seeding.lock:
            self._add()

    def _add(self) -> None:
        name = " ".join(self.name.value.split())
        try:
            offers = self._offers()
        except (FacesortError, OSError) as error:
            self.message.value = notice(str(error), good=False)
            return
        if not name or not offers:
            self.message.value = notice("Say who it is." if not name else _NO_PHOTO, good=False)
            return
        self.results.children = ()
        self._clear(self._seed(name, offers, force=False))

    def _clear(self, reports: Sequence[SeedReport]) -> None:
        """Make room for other photos, or for the next person: a name that stayed would get somebody else's."""
        if reports:
            self.upload.value, self.path.value = (), ""
        if any(report.refused is None for report in reports):
            self.name.value = self.folder.value = ""

    def _offers(self) -> list[Offer]:
        """Uploads first, then what lies under the path."""
        uploads = [Offer(item["name"], bytes(item["content"])) for item in self.upload.value]
        text = self.path.value.strip().strip("\"'")  # as file managers copy it
        if not text:
            return uploads
        return uploads + [Offer(p.name, p) for p in photos_in(Path(text).expanduser())]

    def _seed(self, name: str, offers: Sequence[Offer], *, force: bool) -> list[SeedReport]:
        """Seed, and show each verdict as soon as it is known; gives those that were reached."""
        reports: list[SeedReport] = []
        self._disable(True)
        self.message.value = notice(
            f"Looking at {several(len(offers), 'photo')}; the first takes longest, it loads the model."
        )
        try:
            folder = self.folder.value.strip() or None
            for report in self._seeding.add(name, offers, folder=folder, force=force):
                self._show(report, offers[len(reports)])
                reports.append(report)
            self.message.value = _summary(name, reports)
        except (FacesortError, OSError) as error:
            self.message.value = notice(str(error), good=False)
        finally:
            self._disable(False)
        if any(report.refused is None for report in reports):
            self._seeding.changed()
        return reports

    def _disable(self, working: bool) -> None:
        """Take nothing while photos are looked at: what was typed meanwhile would be wiped in the end."""
        for field in (self.name, self.folder, self.upload, self.path, self.button):
            field.disabled = working

    def _show(self, report: SeedReport, offer: Offer) -> None:
        """Add one verdict; where only the likeness speaks against it, with a button to overrule that."""
        parts: list[widgets.Widget] = [widgets.HTML(report_html(report, offer.name))]
        if report.refused is not None and report.refused.reason in _FORCEABLE:
            button = widgets.Button(description="Add anyway", icon="exclamation-triangle")
            on_press(button, lambda: self.add_anyway(report.candidate.name, offer))
            parts.append(button)
        tile = widgets.VBox(parts, layout=widgets.Layout(width="260px"))
        self.results.children = (*self.results.children, tile)

    def add_anyway(self, name: str, offer: Offer) -> None:
        """Add a photo that was refused only because it looks like somebody else."""
        with self._seeding.lock:
            self.results.children = ()
            self._seed(name, [offer], force=True)


def _summary(name: str, reports: Sequence[SeedReport]) -> str:
    refused = sum(report.refused is not None for report in reports)
    added = len(reports) - refused
    text = f"{name}: {several(added, 'reference')} added"
    if refused:
        text += f", {refused} refused; why is said below each. Refused photos are not kept."
    return notice(text, good=added > 0)
