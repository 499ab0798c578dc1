"""Statuses, outcomes, reason codes and remarks: one enumeration for photos, references and writes, one for faces."""

from __future__ import annotations

from enum import StrEnum


class PhotoStatus(StrEnum):
    """State of a photo.  `total` is always the sum over these."""

    PENDING = "pending"  # not sorted yet
    MATCHED = "matched"  # somebody in it is in the gallery
    UNKNOWN = "unknown"  # faces, but of nobody in the gallery
    NO_FACE = "no_face"
    DUPLICATE = "duplicate"
    FAILED = "failed"  # it could not be read, or its copy could not be written


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
    SEVERAL_FACES = "several_faces"  # more than one face: choose one
    TOO_SMALL = "too_small"  # the face is below `seed.min_face_px`
    BLURRED = "blurred"  # the face is below `seed.min_sharpness`
    EXTREME_POSE = "extreme_pose"  # the head is turned beyond `seed.max_yaw`
    ALREADY_THERE = "already_there"  # this file is a reference of the person already
    FOLDER_TAKEN = "folder_taken"  # another person has this folder
    NEAR_IDENTICAL = "near_identical"  # it looks like a reference that is there, and adds nothing
    CLOSER_TO_OTHER = "closer_to_other"  # nearer to another person than to this one
    LOOKS_LIKE_OTHER = "looks_like_other"  # within STRICT of another person
    # a write that failed
    NAME_TAKEN = "name_taken"
    RENDER_CHANGED = "render_changed"
    BAD_TARGET = "bad_target"
    # an object that was not published
    CONNECTION_LOST = "connection_lost"  # the connection broke, three times
    THROTTLED = "throttled"  # the server asked to wait, three times
    SERVER_ERROR = "server_error"  # the server failed, three times
    REFUSED = "refused"  # the server does not take this object
    NOT_AS_SENT = "not_as_sent"  # the server has other content than it was sent
    CHANGED = "changed"  # no file has the content that was delivered


class Remark(StrEnum):
    """What people must be told of a photo although it was read."""

    DAMAGED = "damaged"  # accepted all the same
    PAGES = "pages"  # further pictures, which are not shown
    TONE_MAPPED = "tone_mapped"  # high dynamic range, brought to that of sRGB
    TURNED = "turned"  # lies on its side or head by its faces, and no tag says how it hangs
    UPRIGHT = "upright"  # a turned one, whose copies are upright


class Outcome(StrEnum):
    """Decision for one face."""

    STRICT = "strict"  # within STRICT: matched, and may be learned
    LOOSE = "loose"  # within LOOSE: matched only
    UNKNOWN = "unknown"  # nobody in the gallery


class FaceReason(StrEnum):
    """Why a face got its outcome."""

    WITHIN_STRICT = "within_strict"  # STRICT: nothing speaks against it
    ABOVE_STRICT = "above_strict"  # LOOSE: further than STRICT
    WITHIN_GROUP = "within_group"  # its group came to the person within LOOSE
    GROUP_IN_DOUBT = "group_in_doubt"  # its group came only just to the person: the review asks
    UNKNOWN_GROUP = "unknown_group"  # near enough alone, and in a group of somebody who is nobody
    WITHIN_MARGIN = "within_margin"  # LOOSE: the runner-up is nearly as near
    NOT_NEAREST_FACE = "not_nearest_face"  # LOOSE: another face of the photo is nearer to them
    ABOVE_LOOSE = "above_loose"  # unknown: nobody is within LOOSE
    PERSON_TAKEN = "person_taken"  # unknown: another face of the photo got the person
    REJECTED_BY_USER = "rejected_by_user"  # unknown: you said *no* to whoever is near
    CONFIRMED_BY_USER = "confirmed_by_user"  # you said *yes*
    EMPTY_GALLERY = "empty_gallery"  # unknown: nobody is in the gallery
