"""Files on disk: durable writes, a rename that never replaces, opening and deleting what is facesort's own.

In a workspace or a run folder anything may lie: it may have been sent by somebody, unpacked from an archive, or shared
over a network.  So nothing below it is reached through a link, only regular files are opened, and only files that
facesort made are deleted, by the exact names it gives.  Nothing else in the package deletes; a test forbids it.
"""

from facesort.files.durable import (
    at_once as at_once,
    file_sha256 as file_sha256,
    publish as publish,
    replace_file as replace_file,
    replace_json as replace_json,
    stream_synced as stream_synced,
    sync_folder as sync_folder,
    write_anew as write_anew,
    write_synced as write_synced,
)
from facesort.files.handles import need_handles as need_handles
from facesort.files.own import (
    Kind as Kind,
    NotOursError as NotOursError,
    append_own as append_own,
    at_fault as at_fault,
    create_own as create_own,
    expect as expect,
    kind_of as kind_of,
    make_own_folder as make_own_folder,
    open_own as open_own,
    open_regular as open_regular,
    read_own as read_own,
    remove_own as remove_own,
    remove_own_folder as remove_own_folder,
)
from facesort.files.scratch import scratch_folder as scratch_folder, sweep_scratch as sweep_scratch
from facesort.files.stamp import (
    Stamp as Stamp,
    keep_while as keep_while,
    kept_while as kept_while,
    stamp_of as stamp_of,
)
from facesort.files.unnamed import array_on_disk as array_on_disk
