"""The credentials of the service, in a file that only its owner can read."""

from __future__ import annotations

import json
import secrets
import string
from pathlib import Path

from facesort.errors import ServiceError, because
from facesort.files import NotOursError, read_own, replace_json
from facesort.serve.service import Credentials

FILE = "credentials.json"
_UPPER, _ALL = string.ascii_uppercase + string.digits, string.ascii_letters + string.digits


def known_credentials(folder: Path) -> Credentials | None:
    """Those that were made before; None if none were.

    Raises
    ------
    ServiceError
        If their file cannot be used.
    """
    path = folder / FILE
    try:
        found = json.loads(read_own(path, below=folder))
        return Credentials(str(found["access_key_id"]), str(found["secret"]))
    except FileNotFoundError:
        return None
    except NotOursError as error:
        raise ServiceError(f"{path} {error.strerror}: move it away") from error
    except OSError as error:
        raise ServiceError(f"{path} cannot be read {because(error)}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ServiceError(
            f"{path} is damaged: make new credentials with `facesort serve --new-token`"
        ) from error


def new_credentials(folder: Path) -> Credentials:
    """Make credentials, as long as those of AWS; those before are not valid any more.

    Raises
    ------
    ServiceError
        If they cannot be kept.
    """
    made = Credentials("FACESORT" + _drawn(_UPPER, 12), _drawn(_ALL, 40))
    path = folder / FILE
    try:
        replace_json(path, {"access_key_id": made.access_key_id, "secret": made.secret})
    except NotOursError as error:
        raise ServiceError(f"{error.filename} {error.strerror}: move it away") from error
    except OSError as error:
        raise ServiceError(f"{path} cannot be written {because(error)}") from error
    return made


def _drawn(letters: str, length: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(length))
