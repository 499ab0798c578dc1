"""What is known of clips, and of the faces that were followed through them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from facesort.core.clips import ClipInfo, Track
from facesort.store.store import Store, blob


def record_clips(store: Store, found: Mapping[int, ClipInfo | None]) -> None:
    """Store what each photo is as a clip, by photo_id, in place of what was known; None: it is none."""
    store.execute("DELETE FROM clip WHERE list_contains(?, photo_id)", [list(found)])
    clips = {photo_id: clip for photo_id, clip in found.items() if clip is not None}
    store.insert(
        "clip",
        {
            "photo_id": list(clips),
            "duration_ms": [c.duration_ms for c in clips.values()],
            "codec": [c.codec for c in clips.values()],
            "decoder": [c.decoder for c in clips.values()],
            "every_ms": [c.every_ms for c in clips.values()],
            "samples": [c.samples for c in clips.values()],
        },
    )


def record_tracks(store: Store, found: Mapping[int, Track | None]) -> None:
    """Store the tracks of new faces, by face_id; None: the face is in a photo."""
    tracks = {face_id: track for face_id, track in found.items() if track is not None}
    store.insert(
        "track",
        {
            "face_id": list(tracks),
            "start_ms": [t.start_ms for t in tracks.values()],
            "end_ms": [t.end_ms for t in tracks.values()],
            "best_ms": [t.best_ms for t in tracks.values()],
            "first_ms": [t.first_ms for t in tracks.values()],
            "last_ms": [t.last_ms for t in tracks.values()],
            "times": [np.asarray(t.times_ms, "<i4").tobytes() for t in tracks.values()],
            "boxes": [blob(t.boxes) for t in tracks.values()],
        },
    )
    strips = [(face_id, *one) for face_id, track in tracks.items() for one in track.strip]
    store.insert(
        "strip",
        {
            "face_id": [face_id for face_id, _, _ in strips],
            "ms": [ms for _, ms, _ in strips],
            "jpeg": [jpeg for _, _, jpeg in strips],
        },
    )
