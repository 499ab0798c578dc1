"""Publishes a workspace, as a process that a test kills.

``python killed_publish.py WORKSPACE URL ENDPOINT FOLDER``
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from publishing_event import FAST, all_and

from facesort.core.delivery.objects import Destination
from facesort.engine.publishing.publish import publish
from facesort.workspace import open_workspace

if __name__ == "__main__":
    root, url, endpoint, folder = sys.argv[1:]
    os.write(1, b"ready\n")
    destination = Destination.parse(url, endpoint)
    publish(open_workspace(Path(root)), destination, all_and(Path(folder)), FAST)
