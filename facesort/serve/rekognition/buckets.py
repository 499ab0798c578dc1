"""What a client names as an S3Object: a file in a folder that the service was given as a bucket."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facesort.core.text.paths import from_text, is_of_the_system
from facesort.files import open_own, read_own
from facesort.serve.access.refusal import RefusedRequest

_MOST_IMAGE_BYTES = 15_728_640  # Rekognition's own limit


def find_object(buckets: Mapping[str, Path], named: Mapping[str, Any], at: str) -> tuple[Path, int]:
    """Path and size of an object: a regular file below its bucket's folder, not hidden, and reached through no link.

    Parameters
    ----------
    buckets : mapping of str to Path
        Their folders.
    named : mapping
        An S3Object of the API.
    at : str
        The parameter that it is.

    Raises
    ------
    RefusedRequest
        ``InvalidS3ObjectException`` if there is none.
    """
    bucket, name = named.get("Bucket", ""), named.get("Name", "")
    if bucket not in buckets:
        known = f"has {', '.join(buckets)}" if buckets else "was started without --bucket"
        raise _invalid(f"{at}: there is no such bucket here, as this service {known}")
    if named.get("Version") is not None:
        raise _invalid(f"{at}: objects have no versions here: leave out Version")
    parts = name.split("/")
    if any(not part or set(part) & {"\0", "\\"} or is_of_the_system(part) for part in parts):
        raise _invalid(f"{at}: no object of a bucket has such a name here")
    try:
        folder = buckets[bucket]
        path = folder.joinpath(*map(from_text, parts))
        with open_own(path, below=folder) as stream:
            return path, os.fstat(stream.fileno()).st_size
    except (OSError, ValueError) as error:  # ValueError: a name that no path can have
        raise _invalid(f"{at}: there is no such object in bucket {bucket}") from error


def read_object(buckets: Mapping[str, Path], named: Mapping[str, Any], at: str) -> bytes:
    """Content of an object that is an image.

    Raises
    ------
    RefusedRequest
        As `find_object`, and ``ImageTooLargeException``.
    """
    path, size = find_object(buckets, named, at)
    if size > _MOST_IMAGE_BYTES:
        raise RefusedRequest(
            "ImageTooLargeException",
            f"{at} has {size:,} bytes, at most {_MOST_IMAGE_BYTES:,} are allowed: make a smaller version",
        )
    try:
        return read_own(path, below=buckets[named["Bucket"]], limit=_MOST_IMAGE_BYTES)
    except OSError as error:
        raise _invalid(f"{at} was changed, or removed, while it was read: try again") from error


def _invalid(sentence: str) -> RefusedRequest:
    return RefusedRequest("InvalidS3ObjectException", sentence)
