"""What was done, to take back and to do again; and the re-match that carries it into the output."""

from __future__ import annotations

import ipywidgets as widgets

from facesort.core.words import several
from facesort.engine.gallery.action import redo
from facesort.engine.job.rematch import RematchReport
from facesort.engine.job.sort import run_rematch
from facesort.errors import FacesortError
from facesort.lab.review.reviewing import Panel, Reviewing, faces
from facesort.lab.shared.html import notice
from facesort.lab.shared.tables import Table
from facesort.store.queries import reports
from facesort.store.queries.corrections import corrections
from facesort.store.queries.journal import Action, history

_SHOWN = 15  # actions


class HistoryPanel(Panel):
    """The newest actions, with undo and redo."""

    def __init__(self, review: Reviewing) -> None:
        super().__init__(review, "history")
        self.undo_it = widgets.Button(description="Undo", icon="undo")
        self.redo_it = widgets.Button(description="Redo", icon="repeat")
        self.undo_it.on_click(lambda _: self.undo())
        self.redo_it.on_click(lambda _: self.redo())
        self.table = widgets.HTML()
        self.compose(widgets.HBox([self.undo_it, self.redo_it]), self.table)

    def refresh(self) -> str:
        """Show what stands and what was undone."""
        with self.review.workspace.open_store(read_only=True) as store:
            actions = history(store)
        standing = sum(not action.undone for action in actions)
        self.undo_it.disabled = standing == 0
        self.redo_it.disabled = standing == len(actions)
        self.table.value = _table(actions)._repr_html_() if actions else ""
        if not actions:
            return "Nothing was done yet."
        undone = f", {len(actions) - standing:,} undone" if standing < len(actions) else ""
        return f"{several(standing, 'action')}{undone}, the newest first."

    def redo(self) -> None:
        """Do again what was undone last."""
        self.act(lambda: redo(self.review.workspace), _redone)


def _redone(action: Action | None) -> str:
    return "There is nothing to redo." if action is None else f"Done again: {action.summary}."


def _table(actions: list[Action]) -> Table:
    rows = [
        (f"{action.done_at:%Y-%m-%d %H:%M}", action.summary, "undone" if action.undone else "")
        for action in actions[:_SHOWN]
    ]
    older = len(actions) - len(rows)
    return Table(("When (UTC)", "What", ""), rows, note=f"{older:,} older ones." if older else "")


class RematchPanel(Panel):
    """A button that matches stored faces again, and what came of it."""

    def __init__(self, review: Reviewing) -> None:
        super().__init__(review, "rematch")
        self.button = widgets.Button(description="Re-match", button_style="primary", icon="refresh")
        self.button.on_click(lambda _: self.run())
        self.result = widgets.HTML()
        self.compose(self.button, self.result)

    def refresh(self) -> str:
        """Show how many files everybody has."""
        counts = self.review.read(reports.counts)
        self._files = counts.persons
        return f"{several(sum(self._files.values()), 'file')} in the output."

    def run(self) -> None:
        """Match again, add the files that are missing, and list those that are wrong."""
        before = dict(self._files)
        self.button.disabled = True
        self.say("Matching stored faces again …")
        try:
            with self.review.lock:
                _, report = run_rematch(self.review.workspace, self.review.pack)
        except (FacesortError, OSError) as error:
            self.say(str(error), good=False)
            return
        finally:
            self.button.disabled = False
        self.look(f"{several(report.files, 'file')} came.")
        rows = [
            (name, before.get(name, 0), files - before.get(name, 0), files)
            for name, files in self._files.items()
        ]
        table = Table(("Person", "Files before", "came", "now"), rows)
        self.result.value = table._repr_html_() + notice(self._told(report))
        self.review.changed(self.key)

    def _told(self, report: RematchReport) -> str:
        """The figures in sentences."""
        said = [
            f"{faces(report.named)} named, {report.renamed:,} given to somebody else, {report.unnamed:,} taken away."
        ]
        if report.not_rendered:
            photos = several(report.not_rendered, "photo")
            said.append(f"{photos} could not be rendered: plug in the source, and re-match again.")
        wrong = len(self.review.read(corrections))
        if wrong:
            files = several(wrong, "file in the output is", "files in the output are")
            said.append(
                f"{files} not right any more: {self.review.workspace.corrections} lists them."
            )
        return " ".join(said)
