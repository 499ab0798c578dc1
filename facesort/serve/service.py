"""What all rooms of the service share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from facesort.core.collections.protocol import FaceCollections
from facesort.core.collections.records import Collection
from facesort.core.collections.similarity import SimilarityScale
from facesort.engine.analysis.finder import FaceFinder
from facesort.faces.protocol import ModelPack
from facesort.serve.videos.jobs import VideoJobs

MOST_IMAGE_BYTES = 5_242_880
"""Of one image; Rekognition's own limit for `Image.Bytes`."""
MOST_BODY_BYTES = 2 * (MOST_IMAGE_BYTES * 4 // 3) + 65_536
"""Of one request: two images in base64 (CompareFaces), and their parameters."""
RETRY_S = 1
"""After which a client that was told to come back may."""
MOST_UPLOAD_BYTES = 100_000_000
"""Of a request that offers references, which are photos as a camera writes them."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client signs or presents; made at the first start.

    Parameters
    ----------
    access_key_id : str
        As in AWS' settings; no secret.
    secret : str
        The token: bearer of the plain REST and the pages, and AWS' secret access key.
    """

    access_key_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """How the service was started.

    Parameters
    ----------
    data : Path
        State folder: credentials, audit log, and collections unless they are in PostgreSQL.
    workspace : Path
        Of the operator's pages; need not be there yet.
    roots : dict of str to Path
        Folders that the operator may choose sources and outputs in, by the name that answers show.
    runs : Path
        Where sorts save their notebooks.
    hosts : tuple of str
        Names in a request's Host header that are this service, without a port.
    tls : bool
        Whether clients speak TLS, here or to a proxy in front.
    most_waiting : int
        Requests that are accepted at a time; more get `ThrottlingException`.
    buckets : dict of str to Path
        Folders whose files clients of AWS may name as objects.
    most_video_bytes : int
        Of a video that is sent.
    """

    data: Path
    workspace: Path
    roots: dict[str, Path]
    runs: Path
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")
    tls: bool = False
    most_waiting: int = 64
    buckets: dict[str, Path] = field(default_factory=dict)
    most_video_bytes: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that a request may need.

    Parameters
    ----------
    scale : SimilarityScale
        Of the pack; collections have their own.
    """

    options: ServiceOptions
    credentials: Credentials
    collections: FaceCollections
    finder: FaceFinder
    videos: VideoJobs
    scale: SimilarityScale

    @property
    def pack(self) -> ModelPack:
        """Model pack that new faces are embedded with."""
        return self.finder.pack

    def comparable(self, collection_id: str) -> Collection:
        """A collection whose faces can be compared with those of an image.

        Raises
        ------
        MissingItemError, PackMismatchError
            If there is none, or it was made with another model pack.
        """
        found = self.collections.collection(collection_id)
        found.refuse_other_packs([self.pack.pack_id], dim=self.finder.dim)
        return found
