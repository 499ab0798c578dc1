"""What the panels of a notebook share: a workspace, and that one thing is done at a time."""

from __future__ import annotations

import threading

from facesort.faces.protocol import ModelPack
from facesort.lab.shared.front_end import hear_in_order
from facesort.workspace import Workspace


class Session:
    """A workspace that somebody works on in a notebook.

    What widgets ask for is heard in order.  Whatever reads or changes the session holds `alone` meanwhile, so that
    nothing is done between the two halves of something else, and the database is opened once at a time, also in a front
    end that uses several threads.
    """

    def __init__(self, workspace: Workspace, pack: ModelPack) -> None:
        hear_in_order()
        self.workspace = workspace
        self.pack = pack
        self.alone = threading.RLock()
