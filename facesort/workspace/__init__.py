"""The workspace: a folder on the internal disk with settings, database, staging and progress.

It contains biometric data, so only its owner can read it.  Layout::

    hot_storage/
    ├── facesort.toml     settings
    ├── facesort.duckdb   faces, persons, decisions, answers, commit log
    ├── corrections.csv   files of the output that are no longer right
    ├── backups.json      where its backups are
    ├── packs/            model packs of this workspace, if any
    ├── derivatives/      smaller versions of what is delivered, and pictures of the persons
    ├── staging/          output JPEGs of the batch that is being committed
    ├── clips/            parts of the clips that are being analysed
    ├── state/            progress, readable while a sort holds the database
    ├── sort.lock         held by the process that sorts
    └── publish.lock      held by the process that publishes
"""

from facesort.workspace.apart import (
    lies_in as lies_in,
    named_places as named_places,
    refuse_inside as refuse_inside,
    refuse_nested as refuse_nested,
)
from facesort.workspace.foreign import leave_alone as leave_alone, unwritable as unwritable
from facesort.workspace.opening import (
    RESTORING as RESTORING,
    create_workspace as create_workspace,
    is_workspace as is_workspace,
    open_workspace as open_workspace,
)
from facesort.workspace.workspace import Workspace as Workspace
