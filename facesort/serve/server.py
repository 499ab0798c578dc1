"""Run the service: where it listens, and how it stops."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from facesort.core.collections.similarity import SimilarityScale
from facesort.engine.analysis.finder import PooledFinder
from facesort.engine.analysis.video_finder import PooledVideoFinder
from facesort.engine.collections.opening import open_collections
from facesort.engine.rules import rules_of
from facesort.errors import ServiceError, because
from facesort.faces.packs.find import resolve_pack
from facesort.faces.protocol import ModelPack
from facesort.serve.access.credentials import known_credentials, new_credentials
from facesort.serve.app import create_app
from facesort.serve.service import Service, ServiceOptions
from facesort.serve.videos.jobs import VideoJobs
from facesort.serve.videos.uploads import Uploads
from facesort.settings import Settings
from facesort.workspace import is_workspace, open_workspace

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 512
_FINISH_S = 30  # of what was accepted when the service is stopped
_KEEP_ALIVE_S = 75  # longer than a proxy's, so that it is the proxy that closes


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service listens.

    Parameters
    ----------
    bind : str
        An address of this machine.
    port : int
        0: any that is free.
    hosts : tuple of str
        Names that clients call it by, besides those of this machine itself.
    certificate, key : Path or None
        PEM files; both or none.
    behind_proxy : bool
        Whether a proxy in front speaks TLS with the clients.
    """

    bind: str = "127.0.0.1"
    port: int = 8765
    hosts: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine can reach it."""
        return not self.behind_proxy and (self.bind == "localhost" or _ip(self.bind, "is_loopback"))

    @property
    def names(self) -> tuple[str, ...]:
        """All names that a request's Host header may have."""
        return (*self.hosts, self.bind, "localhost", "127.0.0.1", "::1")

    @property
    def tls(self) -> bool:
        """Whether clients speak TLS."""
        return self.behind_proxy or self.certificate is not None

    def url(self, port: int) -> str:
        """What to point a client at, if `port` is the one that was taken."""
        if self.behind_proxy:
            return f"https://{self.names[0]}"
        name = f"[{self.names[0]}]" if ":" in self.names[0] else self.names[0]
        return f"{'https' if self.tls else 'http'}://{name}:{port}"


def listen(address: Address) -> socket.socket:
    """Take the port.

    Raises
    ------
    ServiceError
        If others could listen to what is sent, the certificate is none, or the port cannot be had.
    """
    _check_certificate(address)
    if not (address.is_local or address.tls):
        raise ServiceError(
            f"at {address.bind} others can reach this service, and read the photos and the token on their way: give "
            "--tls-cert and --tls-key, or --behind-proxy if a proxy in front of it speaks TLS"
        )
    if not address.hosts and (address.behind_proxy or _ip(address.bind, "is_unspecified")):
        raise ServiceError("give --host with the name that clients call this service by")
    family = socket.AF_INET6 if ":" in address.bind else socket.AF_INET
    try:
        return socket.create_server((address.bind, address.port), family=family)
    except OverflowError as error:
        raise ServiceError(f"there is no port {address.port}") from error
    except OSError as error:
        raise ServiceError(
            f"the service cannot listen at {address.bind}, port {address.port} ({os.strerror(error.errno or 0)}): "
            "choose another with --port, or stop the program that has it"
        ) from error


def _check_certificate(address: Address) -> None:
    if (address.certificate is None) != (address.key is None):
        raise ServiceError("TLS needs both --tls-cert and --tls-key")
    if address.certificate is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(address.certificate, address.key)
    except ssl.SSLError as error:
        raise ServiceError(
            f"{address.certificate} and {address.key} are no certificate with its key: give two PEM files that belong "
            "together"
        ) from error
    except OSError as error:
        raise ServiceError(
            f"{address.certificate} or {address.key} cannot be read {because(error)}"
        ) from error


@contextmanager
def opened(
    options: ServiceOptions,
    pack: str | None,
    places: Sequence[Path],
    *,
    postgres: str | None = None,
    workers: int = 0,
    new_token: bool = False,
) -> Iterator[tuple[Service, bool]]:
    """Open everything that requests need, and close it again.

    Parameters
    ----------
    pack : str or None
        Name or folder of a model pack; None: the workspace's, if there is one.
    places : sequence of Path
        Folders that are searched for packs.
    postgres : str or None
        URL of a database for the collections.
    workers : int
        Processes that look for faces; 0 is one per core.
    new_token : bool
        Whether the credentials made before end.

    Yields
    ------
    (Service, bool)
        And whether its credentials are new.

    Raises
    ------
    CollectionError, PackError, ServiceError
        If something cannot be used.
    """
    known = None if new_token else known_credentials(options.data)
    settings = _settings(options.workspace)
    chosen = resolve_pack(pack or (settings.pack if settings else None), places)
    backend = settings.run.backend if settings else "auto"
    workers = workers or os.cpu_count() or 1
    with ExitStack() as stack:
        collections = open_collections(options.data, postgres)
        stack.callback(collections.close)
        finder = PooledFinder(
            chosen,
            workers=workers,
            most_waiting=options.most_waiting,
            backend=backend,
        )
        stack.callback(finder.close)
        # Half of them, so that photos have some of the machine meanwhile.
        videos = VideoJobs(
            PooledVideoFinder(chosen, workers=max(workers // 2, 1), backend=backend),
            collections,
            Uploads(options.data),
        )
        stack.callback(videos.close)
        credentials = known or new_credentials(options.data)
        scale = _scale(None if pack else settings, chosen)
        yield Service(options, credentials, collections, finder, videos, scale), known is None


def _settings(workspace: Path) -> Settings | None:
    """Settings of the workspace; None if it is still to be made."""
    return open_workspace(workspace).settings if is_workspace(workspace) else None


def _scale(settings: Settings | None, pack: ModelPack) -> SimilarityScale:
    """Of the thresholds in force: those of the workspace, else those recommended for the pack."""
    if settings is None:
        return SimilarityScale(pack.strict, pack.loose)
    thresholds = rules_of(settings, pack).thresholds
    return SimilarityScale(thresholds.strict, thresholds.loose)


def run(service: Service, address: Address, listener: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT; what was accepted by then is finished, and a second signal ends at once."""
    app = create_app(service)
    config = uvicorn.Config(
        app,
        access_log=False,
        http="h11",
        lifespan="on",
        limit_concurrency=MOST_CONNECTIONS,
        log_config=None,
        loop="asyncio",
        proxy_headers=False,  # nothing depends on where a request comes from
        server_header=False,
        ssl_certfile=address.certificate,
        ssl_keyfile=address.key,
        timeout_graceful_shutdown=_FINISH_S,
        timeout_keep_alive=_KEEP_ALIVE_S,
        ws="none",
    )
    _Server(config).run([listener])


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; the second time at once: nothing that was answered is lost, and the workers end with this process."""
        del sig, frame
        if self.should_exit:
            os._exit(1)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what was accepted; what takes longer than is waited for ends with the process."""
        self.config.app.state.streams.end()  # type: ignore[union-attr]
        until = time.monotonic() + _FINISH_S
        await super().shutdown(sockets)
        if time.monotonic() >= until:  # threads that still run would be waited for
            log.error("what was accepted is not finished within %d s, and ends now", _FINISH_S)
            os._exit(1)


def _ip(bind: str, what: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(bind), what))
    except ValueError:
        return False
