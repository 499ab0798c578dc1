"""An HTTP server on this machine that breaks off, lies and redirects as a test tells it to."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says to one request.

    Parameters
    ----------
    body : bytes
        What is sent, whatever the headers say.
    breaks_after : int or None
        Bytes of the body after which the connection is closed.
    pause : callable or None
        Called in place of the rest of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    breaks_after: int | None = None
    pause: Callable[[], object] | None = None


@dataclass(slots=True)
class Server:
    """Answers with `answer(request number, path, headers)`; keeps the requests."""

    answer: Callable[[int, str, Mapping[str, str]], Answer]
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    @property
    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.requests]


def whole(content: bytes, begin: int = 0, **headers: str) -> Answer:
    """An honest answer: all of it, or the rest of it."""
    if not begin:
        return Answer(200, content, {"Content-Length": str(len(content)), **headers})
    rest = content[begin:]
    return Answer(
        206,
        rest,
        {
            "Content-Length": str(len(rest)),
            "Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}",
            **headers,
        },
    )


def begin_of(headers: Mapping[str, str]) -> int:
    """The first byte that is asked for."""
    found = re.fullmatch(r"bytes=(\d+)-", headers.get("Range", ""))
    return int(found[1]) if found else 0


@contextmanager
def serving(
    answer: Callable[[int, str, Mapping[str, str]], Answer], certificate: Path | None = None
) -> Iterator[Server]:
    """A server on a free port; with a certificate and its key in one file, it speaks TLS."""
    server = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.requests.append((self.path, dict(self.headers)))
            said = server.answer(len(server.requests), self.path, self.headers)
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.close_connection = True
            with suppress(OSError):  # whoever asked has heard enough
                self.end_headers()
                self.wfile.write(said.body[: said.breaks_after])
                self.wfile.flush()
                if said.pause:
                    said.pause()
                if said.breaks_after is not None:
                    self.connection.shutdown(socket.SHUT_RDWR)

        def do_CONNECT(self) -> None:
            server.requests.append((f"CONNECT {self.path}", dict(self.headers)))
            self.send_error(server.answer(len(server.requests), self.path, self.headers).status)

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that does not trust the certificate

    httpd = Quiet(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    server.url = f"{'https' if certificate else 'http'}://localhost:{httpd.server_port}"
    thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
