"""The history of actions, with undo and redo; and the re-match, which brings the output up to date."""

from __future__ import annotations

from functools import partial

import ipywidgets as widgets

from facesort.core.text.words import several
from facesort.engine.delivery.corrections import listed
from facesort.engine.gallery.action import redo
from facesort.engine.job.changes import RematchReport
from facesort.engine.job.sort import run_rematch
from facesort.errors import FacesortError
from facesort.lab.review.panel import Panel, faces
from facesort.lab.review.session import ReviewSession
from facesort.lab.shared.html import notice
from facesort.lab.shared.remarks import wrong_files_remark
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import local_time
from facesort.store.queries import reports
from facesort.store.queries.journal import Action, history

_SHOWN = 15  # actions


class HistoryPanel(Panel):
    """The newest actions, with undo and redo."""

    def __init__(self, session: ReviewSession) -> None:
        super().__init__(session, "history")
        self.redo_button = widgets.Button(
            description="Redo", icon="repeat", layout={"width": "90px"}
        )
        self.redo_button.on_click(lambda _: self.redo())
        self.table = widgets.HTML()
        self.add(self.redo_button, self.table)

    def update(self) -> str:
        """Show the newest actions."""
        actions = self.session.read(history)
        undone = sum(action.undone for action in actions)
        self.redo_button.disabled = undone == 0
        self.table.value = _table(actions)._repr_html_() if actions else ""
        if not actions:
            return "Nothing was done yet."
        more = f", {undone:,} undone" if undone else ""
        return f"{several(len(actions) - undone, 'action')}{more}, the newest first."

    def redo(self) -> None:
        """Redo the action that was undone last."""
        shown = self.session.history_line.undone
        self.edit(lambda: redo(self.session.workspace, shown), _describe_redo)


def _describe_redo(action: Action | None) -> str:
    return "There is nothing to redo." if action is None else f"Redone: {action.summary}."


def _table(actions: list[Action]) -> Table:
    rows = [
        (local_time(action.done_at), action.summary, "undone" if action.undone else "")
        for action in actions[:_SHOWN]
    ]
    older = len(actions) - len(rows)
    return Table(("Time", "Action", ""), rows, note=f"{older:,} older ones." if older else "")


class RematchPanel(Panel):
    """A button that starts a re-match, and its result."""

    def __init__(self, session: ReviewSession) -> None:
        super().__init__(session, "rematch")
        self.button = widgets.Button(description="Re-match", button_style="primary", icon="refresh")
        self.button.on_click(lambda _: self.rematch())
        self.result = widgets.HTML()
        self.add(self.button, self.result)

    def update(self) -> str:
        """Show the number of files."""
        self._files = self.session.read(reports.copies_by_person)
        wrong = self._wrong_files()
        more = f" {wrong}." if wrong else ""
        return f"{several(sum(self._files.values()), 'file')} in the output.{more}"

    def rematch(self) -> None:
        """Match again, add the missing files, and count the wrong ones."""
        before = dict(self._files)
        self.button.disabled = True
        self.report("Matching stored faces again …")
        try:
            with self.session.lock:
                _, report = run_rematch(self.session.workspace, self.session.pack)
        except (FacesortError, OSError) as error:
            self.report(str(error), good=False)
            return
        finally:
            self.button.disabled = False
        self.refresh(f"{several(report.files, 'file')} added.")
        rows = [
            (name, before.get(name, 0), files - before.get(name, 0), files)
            for name, files in self._files.items()
        ]
        table = Table(("Person", "Files before", "added", "now"), rows)
        self.result.value = table._repr_html_() + notice(self._describe(report))
        self.session.changed(self.key)

    def _describe(self, report: RematchReport) -> str:
        sentences = [
            f"{faces(report.named)} matched, {report.renamed:,} given to another person, "
            f"{report.unnamed:,} unknown now."
        ]
        if report.not_rendered:
            photos = several(report.not_rendered, "photo")
            sentences.append(f"{photos} could not be rendered: connect the source, and re-match.")
        return " ".join(sentences)

    def _wrong_files(self) -> str:
        workspace = self.session.workspace
        wrong = self.session.read(partial(listed, workspace))
        return wrong_files_remark(len(wrong), workspace.corrections)
