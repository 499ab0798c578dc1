"""What makes it cheap to import and to collect the tests; import it before any of them."""

from __future__ import annotations

import gc
import sys
from types import ModuleType

# What is imported and collected stays: to look through it for garbage, again and again, takes a fifth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    """From now on there is garbage, and nothing of what is there already is looked through."""
    gc.freeze()
    gc.enable()


def _is_valid_syntax(term: str, value: str) -> bool:
    from rfc3987_syntax import is_valid_syntax

    return bool(is_valid_syntax(term, value))


# jsonschema makes a grammar of addresses in any script as it is imported, in five seconds, and next to no test has a
# schema with such addresses: it is made when the first is checked.
_later = ModuleType("rfc3987_syntax")
_later.is_valid_syntax = _is_valid_syntax  # type: ignore[attr-defined]
sys.modules["rfc3987_syntax"] = _later
import jsonschema as jsonschema  # noqa: E402

del sys.modules["rfc3987_syntax"]


def pytest_unconfigure() -> None:
    """Else the libraries complain of what is still there at the end."""
    gc.unfreeze()
