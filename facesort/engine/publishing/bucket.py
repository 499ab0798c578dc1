"""One bucket of an object store, through boto3: the calls that publishing needs, each once, without retries."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from threading import Event
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from facesort.core.delivery.objects import Destination, Digest, Planned
from facesort.engine.publishing.content import AbsentError, StoppedError, UnsentError
from facesort.engine.publishing.trouble import code_of, for_a_moment, of_the_job, refusal
from facesort.errors import PublishError
from facesort.reasons import Reason

log = logging.getLogger(__name__)

# Names of the metadata; some servers return them with a capital.
_HASH, _MARK = "sha256", "facesort-mark"
# Said once and for all, as objects are not replaced; what Python would guess depends on the machine.
_KINDS = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".png": "image/png",
    ".heic": "image/heic",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".html": "text/html; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".xmp": "application/rdf+xml",
    ".jsonl": "application/jsonl",
    ".parquet": "application/vnd.apache.parquet",
}
_UNKNOWN_HEADER = {"NotImplemented", "501", "InvalidArgument", "InvalidRequest"}
_THERE_ALREADY = {"PreconditionFailed", "412"}
_GONE = {"NoSuchKey", "NotFound", "404"}


@dataclass(frozen=True, slots=True)
class Found:
    """An object as the server tells of it; `sha256` and `mark` are what who put it there wrote beside it, or empty."""

    size: int
    sha256: str
    etag: str
    mark: str = ""

    def says(self, planned: Planned) -> bool:
        """Whether it is what facesort put there, by what is written beside it."""
        return (self.sha256, self.size) == (planned.sha256, planned.size)


class NameTakenError(Exception):
    """An object of that name came into being meanwhile."""


@dataclass(slots=True)
class Bucket:
    """A bucket and a prefix.

    Parameters
    ----------
    conditional : bool or None
        Whether the server refuses to replace an object; None: not known yet.
    stopped : Event
        Once it is set, every call raises `StoppedError`.
    """

    client: Any
    destination: Destination
    conditional: bool | None = None
    stopped: Event = field(default_factory=Event)

    def contact(self) -> None:
        """Ask for the bucket, since what is wrong with all objects is told best here.

        Raises
        ------
        PublishError
            If the bucket cannot be used.
        """
        try:
            self._call("list_objects_v2", Prefix=self.destination.prefix, MaxKeys=1)
        except PublishError as error:
            # A key that may only put objects is enough for many servers.
            if not _is_denied(error.__cause__):
                raise

    def looks(self, target: str, data: bytes, digest: Digest) -> bool:
        """Whether the server refuses to replace an object: it is asked to replace one of ours by the same bytes."""
        if self.conditional is None:
            try:
                self.put(target, data, digest)
                self.conditional = False
            except NameTakenError:
                self.conditional = True
        return bool(self.conditional)

    def find(self, target: str) -> Found | None:
        """What is there under a name."""
        try:
            told = self._call("head_object", Key=self._key(target))
        except AbsentError:
            return None
        metadata = {key.lower(): value for key, value in told.get("Metadata", {}).items()}
        said = metadata.get(_HASH, ""), told.get("ETag", ""), metadata.get(_MARK, "")
        return Found(told["ContentLength"], *said)

    def put(
        self, target: str, data: bytes, digest: Digest, *, mark: str = "", instead: str = ""
    ) -> str:
        """Put an object; returns its ETag.

        Parameters
        ----------
        mark : str
            Written beside it.
        instead : str
            ETag of the object of ours that it replaces; empty: it is new.

        Raises
        ------
        NameTakenError
            If there is one, or another one than that, and the server looks.
        """
        told = self._create(
            "put_object",
            instead,
            Key=self._key(target),
            Body=data,
            ContentMD5=base64.b64encode(digest.md5).decode(),
            **self._described(target, digest, mark),
        )
        return str(told.get("ETag", ""))

    def begin(self, target: str, digest: Digest) -> str:
        """Begin a multipart upload; returns its id."""
        told = self._call(
            "create_multipart_upload", Key=self._key(target), **self._described(target, digest)
        )
        return str(told["UploadId"])

    def parts(self, target: str, upload_id: str) -> dict[int, str] | None:
        """ETags of the parts that are there, by number; None if there is no such upload any more."""
        found: dict[int, str] = {}
        marker = 0
        while True:
            try:
                told = self._call(
                    "list_parts",
                    Key=self._key(target),
                    UploadId=upload_id,
                    PartNumberMarker=marker,
                )
            except AbsentError:
                return None
            except PublishError as error:
                if _is_denied(error.__cause__):  # a key may put objects and list no parts
                    return None
                raise
            found |= {part["PartNumber"]: part["ETag"] for part in told.get("Parts", [])}
            following = int(told.get("NextPartNumberMarker") or 0)
            if not told.get("IsTruncated") or following <= marker:
                return found
            marker = following

    def put_part(self, target: str, upload_id: str, number: int, data: bytes, md5: bytes) -> str:
        """Put one part; returns its ETag."""
        told = self._call(
            "upload_part",
            Key=self._key(target),
            UploadId=upload_id,
            PartNumber=number,
            Body=data,
            ContentMD5=base64.b64encode(md5).decode(),
        )
        return str(told["ETag"])

    def complete(self, target: str, upload_id: str, etags: Sequence[str]) -> str:
        """Make an object of the parts; returns its ETag.

        Raises
        ------
        NameTakenError
            If there is one of that name, and the server looks.
        """
        parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, start=1)]
        told = self._create(
            "complete_multipart_upload",
            "",
            Key=self._key(target),
            UploadId=upload_id,
            MultipartUpload={"Parts": parts},
        )
        return str(told.get("ETag", ""))

    def abort(self, target: str, upload_id: str) -> None:
        """Give up a multipart upload of ours; it stays if it is gone, or if the server does not let go of it."""
        try:
            self._call("abort_multipart_upload", Key=self._key(target), UploadId=upload_id)
        except AbsentError:
            pass
        except (PublishError, UnsentError) as error:
            log.warning("an unfinished upload of %s stays on the server: %s", target, error)

    def sha256(self, target: str) -> str:
        """Read an object back, and hash it."""
        whole = hashlib.sha256()
        told = self._call("get_object", Key=self._key(target))
        with closing(told["Body"]) as body, self._explained():
            for chunk in body.iter_chunks(1 << 20):
                whole.update(chunk)
        return whole.hexdigest()

    def remove(self, target: str) -> None:
        """Remove an object; of a versioned bucket, its versions stay."""
        self._call("delete_object", Key=self._key(target))

    def keeps_versions(self) -> bool | None:
        """Whether removed objects stay as versions; None if that cannot be told."""
        try:
            told = self._call("get_bucket_versioning")
        except (PublishError, UnsentError):
            return None
        return bool(told.get("Status"))

    def _key(self, target: str) -> str:
        return self.destination.key(target)

    def _described(self, target: str, digest: Digest, mark: str = "") -> dict[str, Any]:
        kind = _KINDS.get(PurePosixPath(target).suffix.lower(), "application/octet-stream")
        said = {_HASH: digest.sha256} | ({_MARK: mark} if mark else {})
        return {"ContentType": kind, "Metadata": said}

    def _create(self, operation: str, instead: str, **request: Any) -> dict[str, Any]:
        """Make an object unless there is one, or another one than is replaced, as far as the server can."""
        if self.conditional is not False:
            only = {"IfMatch": instead} if instead else {"IfNoneMatch": "*"}
            try:
                return self._call(operation, **only, **request)
            except UnsentError as error:
                cause = error.__cause__
                if not isinstance(cause, ClientError):
                    raise
                if code_of(cause) in _THERE_ALREADY:
                    self.conditional = True
                    raise NameTakenError from error
                if code_of(cause) not in _UNKNOWN_HEADER or self.conditional:
                    raise
                self.conditional = False
        return self._call(operation, **request)

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        if self.stopped.is_set():
            raise StoppedError
        with self._explained():
            told: dict[str, Any] = getattr(self.client, operation)(
                Bucket=self.destination.bucket, **request
            )
            return told

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn boto3's errors into ours, but for those that may pass."""
        try:
            yield
        except RecursionError as error:
            # Of botocore, which follows a redirection without an address.
            raise PublishError(
                f"the server of {self.destination} sends elsewhere, and does not say where: give the right endpoint"
            ) from error
        except (BotoCoreError, ClientError) as error:
            if for_a_moment(error):
                raise
            if isinstance(error, ClientError) and code_of(error) in _GONE | {"NoSuchUpload"}:
                raise AbsentError from error
            if (ended := of_the_job(error, self.destination)) is not None:
                raise ended from error
            raise (
                refusal(error)
                if isinstance(error, ClientError)
                else UnsentError(Reason.REFUSED, str(error))
            ) from error


def _is_denied(error: BaseException | None) -> bool:
    return isinstance(error, ClientError) and code_of(error) in ("AccessDenied", "403")
