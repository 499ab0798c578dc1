"""The way of one object: looked for, put, and verified; never replaced.

It can be begun again at any point, and then goes on: what is there already is found first, and a multipart upload is
taken up from the parts that the server lists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from facesort.core.delivery.objects import Digest, Planned
from facesort.engine.publishing.bucket import Bucket, Found, NameTakenError
from facesort.engine.publishing.content import Item, UnsentError
from facesort.reasons import Reason

Begun = Callable[[str | None], None]
"""Records the id of a multipart upload before its first part is sent; None once there is none any more."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An object that is there now.

    Parameters
    ----------
    etag : str or None
        None if somebody else may have put it there.
    put : bool
        Whether it was put there now; else it was found.
    """

    etag: str | None
    put: bool


def send(bucket: Bucket, item: Item, upload_id: str | None, on_begun: Begun) -> Sent:
    """Put one object where nothing is, or find that it is there already.

    Parameters
    ----------
    upload_id : str or None
        Of a multipart upload of ours that was interrupted.

    Raises
    ------
    UnsentError
        If it cannot be sent; ``name_taken`` if something else has its name, which is untouched.
    PublishError
        If no object can.
    """
    target = item.planned.target
    if not bucket.destination.takes(target):
        raise UnsentError(Reason.BAD_TARGET, "the key would be longer than 1024 bytes")
    place, digest, data = item.read()
    found, put = bucket.find(target), False
    if found is None:
        try:
            if digest.parts:
                _put_parts(bucket, item, place, digest, upload_id, on_begun)
            else:
                bucket.put(target, data, digest)
            put = True
        except NameTakenError:
            pass  # perhaps by what was sent before, whose answer was lost
        found = bucket.find(target)
    elif upload_id:  # it was completed, and the answer was lost; or somebody else was faster
        bucket.abort(target, upload_id)
        on_begun(None)
    if found is None:
        raise UnsentError(Reason.NOT_AS_SENT, "the server has taken it, and does not have it")
    if not has_content(bucket, item.planned, digest, found):
        raise UnsentError(
            Reason.NOT_AS_SENT if put or found.says(item.planned) else Reason.NAME_TAKEN
        )
    return Sent(found.etag if put or found.says(item.planned) else None, put)


def _put_parts(
    bucket: Bucket,
    item: Item,
    place: Path,
    digest: Digest,
    upload_id: str | None,
    on_begun: Begun,
) -> None:
    """Send the parts that are not there yet, and join them."""
    target = item.planned.target
    there = bucket.parts(target, upload_id) if upload_id else None
    if upload_id is None or there is None:
        upload_id, there = bucket.begin(target, digest), {}
        on_begun(upload_id)
    etags = []
    for number, md5 in enumerate(digest.parts, start=1):
        etag = there.get(number, "")
        if etag.strip('"') != md5.hex():
            data = item.part(place, number, digest)
            etag = bucket.put_part(target, upload_id, number, data, md5)
        etags.append(etag)
    try:
        if bucket.conditional is not True and bucket.find(target) is not None:
            raise NameTakenError
        bucket.complete(target, upload_id, etags)
    except NameTakenError:
        bucket.abort(target, upload_id)
        on_begun(None)
        raise
    on_begun(None)


def has_content(bucket: Bucket, planned: Planned, digest: Digest, found: Found) -> bool:
    """Whether an object is what is planned.

    The ETag of most servers is an MD5 that they made of what they stored.  Where it is not, the object is read back.
    """
    if found.size != planned.size:
        return False
    if digest.is_told_by(found.etag):
        return True
    return found.says(planned) and bucket.sha256(planned.target) == planned.sha256
