"""Statuses, outcomes, reason codes and remarks: one enumeration for photos, references and writes, one for faces."""

from __future__ import annotations

from enum import StrEnum


class PhotoStatus(StrEnum):
    """State of a photo.  `total` is always the sum over these."""

    PENDING = "pending"
    MATCHED = "matched"
    UNKNOWN = "unknown"
    NO_FACE = "no_face"
    DUPLICATE = "duplicate"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a photo reached no folder, a reference was refused, or a write failed."""

    # a photo that was analysed
    NO_FACE = "no_face"
    ONLY_UNKNOWN_FACES = "only_unknown_faces"
    DUPLICATE = "duplicate"
    SAME_SHOT = "same_shot"
    DO_NOT_DELIVER = "do_not_deliver"
    AWAITS_REVIEW = (
        "awaits_review"  # a clip in which somebody is LOOSE at most: nobody gets it before a yes
    )
    # a photo that failed
    EMPTY_FILE = "empty_file"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    MISSING = "missing"
    WORKER_DIED = "worker_died"
    TIMEOUT = "timeout"
    # a reference that was refused
    SEVERAL_FACES = "several_faces"
    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    EXTREME_POSE = "extreme_pose"
    ALREADY_THERE = "already_there"
    FOLDER_TAKEN = "folder_taken"
    NEAR_IDENTICAL = "near_identical"
    CLOSER_TO_OTHER = "closer_to_other"
    LOOKS_LIKE_OTHER = "looks_like_other"
    # a write that failed
    NAME_TAKEN = "name_taken"
    RENDER_CHANGED = "render_changed"
    BAD_TARGET = "bad_target"
    # an object that was not published
    CONNECTION_LOST = "connection_lost"
    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    REFUSED = "refused"
    NOT_AS_SENT = "not_as_sent"
    CHANGED = "changed"


class Remark(StrEnum):
    """What people must be told of a photo although it was read."""

    DAMAGED = "damaged"  # accepted all the same
    PAGES = "pages"  # further pictures, which are not shown
    TONE_MAPPED = "tone_mapped"  # high dynamic range, brought to that of sRGB
    TURNED = "turned"  # lies on its side or head by its faces, and no tag says how it hangs
    UPRIGHT = "upright"  # a turned one, whose copies are upright


class Outcome(StrEnum):
    """Decision for one face."""

    STRICT = "strict"
    LOOSE = "loose"
    UNKNOWN = "unknown"


class FaceReason(StrEnum):
    """Why a face got its outcome."""

    WITHIN_STRICT = "within_strict"
    ABOVE_STRICT = "above_strict"
    WITHIN_GROUP = "within_group"
    GROUP_IN_DOUBT = "group_in_doubt"
    UNKNOWN_GROUP = "unknown_group"  # near enough alone, and in a group of somebody who is nobody
    WITHIN_MARGIN = "within_margin"
    NOT_NEAREST_FACE = "not_nearest_face"
    ABOVE_LOOSE = "above_loose"
    PERSON_TAKEN = "person_taken"
    REJECTED_BY_USER = "rejected_by_user"
    CONFIRMED_BY_USER = "confirmed_by_user"
    EMPTY_GALLERY = "empty_gallery"
