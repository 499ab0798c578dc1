"""Pages of a list, continued by a token that the service signed."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TypeVar

from facesort.serve.access.refusal import RefusedRequest

Item = TypeVar("Item")
_SIGNED = 15  # bytes
_LONGEST = 150  # bytes of an id: with more, a token would have more than 255 characters
_ALL = 1 << 30


class Pages:
    """Makes and reads tokens: where the next page begins, signed together with what was asked.

    A token has at most 255 characters, and so may an id (of a collection).  A token that ends at a long id holds its
    beginning and a hash of it, and the next page begins after the id that has this hash; if that is gone by then, after
    the last one that sorts before all that begin so: some come twice, none is left out.

    Parameters
    ----------
    secret : str
        Of the service.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def page(
        self,
        asked: Sequence[object],
        token: str | None,
        limit: int,
        find: Callable[[str, int], list[Item]],
        key: Callable[[Item], str],
    ) -> tuple[list[Item], str | None]:
        """One page, and the token of the next one if there is more.

        Parameters
        ----------
        asked : sequence
            Operation and parameters that the token belongs to.
        find : callable
            Items after an id, in its order, at most so many.
        key : callable
            Id of an item.

        Raises
        ------
        RefusedRequest
            ``InvalidPaginationTokenException`` if the token is not one of this list.
        """
        start, cut = ("", b"") if token is None else self._read(asked, token)
        found = find(start, _ALL if cut else limit + 1)
        if cut:
            last = next((i for i, item in enumerate(found) if _hash(key(item)) == cut), -1)
            found = found[last + 1 :]
        if len(found) <= limit:
            return found, None
        return found[:limit], self._write(asked, key(found[limit - 1]))

    def _write(self, asked: Sequence[object], last: str) -> str:
        data = last.encode()
        is_long = len(data) > _LONGEST
        said = b"\1" + _hash(last) + data[:_LONGEST] if is_long else b"\0" + data
        return base64.urlsafe_b64encode(self._sign(asked, said) + said).decode()

    def _read(self, asked: Sequence[object], token: str) -> tuple[str, bytes]:
        """The id that the page begins after, and the hash of the one that it really begins after if that is long."""
        try:
            data = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
            signed, said = data[:_SIGNED], data[_SIGNED:]
            if said and hmac.compare_digest(signed, self._sign(asked, said)):
                cut = said[1 : 1 + _SIGNED] if said[0] else b""
                return said[1 + len(cut) :].decode(errors="ignore"), cut
        except (binascii.Error, ValueError):
            pass
        raise RefusedRequest(
            "InvalidPaginationTokenException",
            "NextToken is not one that this list gave: begin again without one",
        )

    def _sign(self, asked: Sequence[object], after: bytes) -> bytes:
        text = repr([*map(str, asked), after]).encode()
        return blake2b(text, key=self._secret.encode()[:64], digest_size=_SIGNED).digest()


def _hash(last: str) -> bytes:
    return blake2b(last.encode(), digest_size=_SIGNED).digest()
