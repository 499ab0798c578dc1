"""Which server an object store is, and the client that speaks to it.

Credentials are only ever in boto3's own hands: it finds them in the environment or in ~/.aws.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from facesort.core.delivery.objects import Destination, is_private
from facesort.engine.publishing.bucket import Bucket
from facesort.engine.publishing.trouble import of_the_job
from facesort.errors import PublishError

_CONNECT_S, _READ_S = 10, 60


def with_server(destination: Destination) -> Destination:
    """Name the server that boto3's own settings give, if none was named: the ledger must tell servers apart.

    Raises
    ------
    PublishError
        If boto3's settings are not valid.
    """
    if destination.endpoint:
        return destination
    url = _client(destination, Config()).meta.endpoint_url
    host = urlsplit(url).hostname or ""
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return destination
    return Destination.parse(f"s3://{destination.bucket}/{destination.prefix}", url)


def _client(destination: Destination, config: Config) -> Any:
    try:
        session = boto3.session.Session()
        return session.client(
            "s3",
            endpoint_url=destination.endpoint or None,
            region_name=session.region_name or "us-east-1",
            config=config,
        )
    except (BotoCoreError, ValueError) as error:
        raise of_the_job(error, destination) or PublishError(
            f"{destination} cannot be used: {error}"
        ) from error


def connect(destination: Destination, *, connections: int, plain_http: bool) -> Bucket:
    """Prepare to speak to a server; sends nothing yet.

    An endpoint in boto3's own settings does not count: see `with_server`.

    Parameters
    ----------
    connections : int
        At a time.
    plain_http : bool
        Whether the photos may go unencrypted to another machine.

    Raises
    ------
    PublishError
        If they would and may not, or boto3's own settings are not valid.
    """
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=_CONNECT_S,
        read_timeout=_READ_S,
        max_pool_connections=connections,
        ignore_configured_endpoint_urls=True,
        s3={"addressing_style": "path" if destination.endpoint else "auto"},
    )
    client = _client(destination, config)
    if not (plain_http or is_private(client.meta.endpoint_url)):
        raise PublishError(
            f"{client.meta.endpoint_url} has no encryption, and everybody on the way could see the photos: give its "
            "https address, or --plain-http if the way there is yours alone"
        )
    return Bucket(client, destination)
