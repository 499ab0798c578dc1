"""`undo`, `redo`, `history`: the journal of what users did."""

from __future__ import annotations

from pathlib import Path

import click

from facesort.cli.terminal import json_option, say, say_json, workspace_option


@click.command()
@workspace_option
def undo(root: Path) -> None:
    """Undo the last action in the gallery or in a review."""
    from facesort.engine.gallery.action import undo as undo_action
    from facesort.workspace import open_workspace

    action = undo_action(open_workspace(root))
    say(f"undone: {action.summary}" if action else "there is nothing to undo")


@click.command()
@workspace_option
def redo(root: Path) -> None:
    """Redo the action that was undone last."""
    from facesort.engine.gallery.action import redo as redo_action
    from facesort.workspace import open_workspace

    action = redo_action(open_workspace(root))
    say(f"redone: {action.summary}" if action else "there is nothing to redo")


@click.command()
@workspace_option
@json_option
def history(root: Path, as_json: bool) -> None:
    """List the actions in the gallery and in reviews, newest first."""
    from facesort.store.queries.journal import history as actions_done
    from facesort.workspace import open_workspace

    with open_workspace(root).open_store(read_only=True) as store:
        actions = actions_done(store)
    if as_json:
        rows = [
            {
                "action_id": a.action_id,
                "done_at": a.done_at.isoformat(timespec="seconds") + "+00:00",
                "kind": a.kind,
                "summary": a.summary,
                "undone": a.undone,
            }
            for a in actions
        ]
        say_json(rows)
        return
    for a in actions:
        say(f"{a.done_at:%Y-%m-%d %H:%M} UTC  {a.summary}" + ("  (undone)" if a.undone else ""))
    if not actions:
        say("nothing yet", err=True)
