"""What reason codes and remarks mean, in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from facesort.reasons import Reason, Remark

_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        Reason.NO_FACE: "no face was found",
        Reason.ONLY_UNKNOWN_FACES: "faces, but of nobody in the gallery",
        Reason.DO_NOT_DELIVER: "somebody in it is withheld",
        Reason.AWAITS_REVIEW: "a clip in which somebody is likely, and nobody certain: the review asks who it is",
        Reason.DUPLICATE: "a copy of a file that was sorted",
        Reason.SAME_SHOT: "another file of a photo's shot, such as the RAW of a JPEG: linked to it, not dropped",
        Reason.EMPTY_FILE: "the file has 0 bytes",
        Reason.NOT_AN_IMAGE: "the content is not an image, although the name says so",
        Reason.UNSUPPORTED_FORMAT: "an image in a format that is not supported",
        Reason.TRUNCATED: "the file is incomplete: copy it again from the card",
        Reason.CORRUPT: "the content is damaged",
        Reason.TOO_LARGE: "larger than the limits under [photos] in facesort.toml",
        Reason.UNREADABLE: "the system could not read the file",
        Reason.MISSING: "it was in the source during the scan, but is gone",
        Reason.WORKER_DIED: "decoding it crashed a worker process; the others continued",
        Reason.TIMEOUT: "it took longer than photos.timeout_s in facesort.toml",
        Reason.NAME_TAKEN: "another file has its name in the output; nothing was overwritten",
        Reason.RENDER_CHANGED: "its copy was lost, and the photo has changed since",
        Reason.BAD_TARGET: "its place is not a file in a folder of the output: give the person another folder",
        # of photos that were read
        Remark.DAMAGED: "some of its pixels are missing or guessed, and it was sorted all the same "
        "(`photos.accept_damaged`): copy it again from the card",
        Remark.PAGES: "the file holds further pictures; only the first was read: export the others as files",
        Remark.TONE_MAPPED: "an HDR photo, which was tone-mapped to SDR",
        Remark.TURNED: "by its faces it lies on its side or head, and it has no orientation tag",
        Remark.UPRIGHT: "its copies were turned upright (`photos.auto_upright`)",
        # of files that the scan does not take for photos
        "symbolic_link": "a link that leads outside the source; copy the photos into it, or add the folder that the "
        "link leads to with `facesort source add DIR`",
        "broken_link": "a link to a file that is not there; `git annex get` fetches it if git-annex made it, else "
        "copy the photo to its place",
        "other_name": "a link to a folder that is read under its own name",
        # of photos that were delivered before, or left out of an export
        "live_photo": "the movie of a Live Photo, of which everybody in it gets the picture",
        "superseded": "the photo was edited since: its new version is delivered instead",
        "gone": "no file in the sources holds it any more",
        "clips_none": "a clip, and `photos.clips` is none: of clips nothing is delivered",
    }
)


def explain(code: str) -> str:
    """Explain the reason code or remark of a photo or a file; empty for codes that need no explanation."""
    return _MEANINGS.get(code, "")
