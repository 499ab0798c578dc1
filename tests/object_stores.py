"""Two real object stores on this machine, and a proxy that counts requests and makes them fail.

rclone's objects are plain files.  It checks signatures and MD5, but not If-None-Match; moto does the opposite.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
from botocore.config import Config

KEY, SECRET = "a-key", "a-secret-that-nobody-may-see"


@contextmanager
def rclone(folder: Path, *, key: str = f"{KEY},{SECRET}") -> Iterator[str]:
    """Serve the folders of a folder as buckets; yields the endpoint."""
    program = Path(sysconfig.get_path("scripts")) / "rclone"
    command = [str(program), "serve", "s3", "--addr", "127.0.0.1:0", "--auth-key", key]
    process = subprocess.Popen(
        [*command, "--config", "/dev/null", str(folder)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        else:
            raise RuntimeError("rclone did not start")
        reader = threading.Thread(
            target=process.stderr.read
        )  # else it would wait once the pipe is full
        reader.start()
        yield found[0]
        process.kill()
        reader.join()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@contextmanager
def moto() -> Iterator[str]:
    """An object store in the memory of this process; yields the endpoint."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def client(endpoint: str) -> Any:
    """A client of the tests' own."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(request_checksum_calculation="when_required"),
    )


@dataclass(frozen=True)
class Request:
    """A request as the proxy saw it; `key` without the bucket."""

    method: str
    key: str
    query: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What the proxy answers instead of the server."""

    status: int
    code: str = ""


CUT = "cut the connection before the server hears of it"
CUT_AFTER = "let the server do it, and cut the connection instead of its answer"
Fault = Callable[[Request], Answer | str | None]


@dataclass
class Proxy:
    """Stands before a server; `fault` says what goes wrong."""

    upstream: str
    fault: Fault = lambda _: None
    requests: list[Request] = field(default_factory=list)
    endpoint: str = ""

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.requests)


@contextmanager
def proxy(upstream: str, fault: Fault = lambda _: None) -> Iterator[Proxy]:
    state = Proxy(upstream, fault)

    class Handler(_Handler):
        proxy = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    state.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        key = unquote(path.lstrip("/").partition("/")[2])
        request = Request(self.command, key, query, dict(self.headers))
        self.proxy.requests.append(request)
        fault = self.proxy.fault(request)
        if fault == CUT:
            self.close_connection = True
            self.connection.close()
            return
        if isinstance(fault, Answer):
            self._answer(fault)
            return
        upstream = http.client.HTTPConnection(urlsplit(self.proxy.upstream).netloc, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("expect", "connection"):
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            data = answer.read()
        finally:
            upstream.close()
        if fault == CUT_AFTER:
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in (
                "transfer-encoding",
                "connection",
                "content-length",
                "date",
                "server",
            ):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, fault: Answer) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>no</Message></Error>"
        data = b"" if self.command == "HEAD" or not fault.code else text.encode()
        self.send_response(fault.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _serve
