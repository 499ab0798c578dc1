"""The plain REST does what its OpenAPI description says, whatever is sent."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import schemathesis
from drawn_service import Live, drawn
from hypothesis import HealthCheck, given, settings, strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from facesort.clock import utc_now
from facesort.core.collections.records import Collection

IMAGES = st.binary() | st.sampled_from([drawn(), drawn(1), drawn(1, 2), drawn(1)[:-900]])
COLLECTION = "there"
for kind in ("application/octet-stream", "image/*"):
    schemathesis.openapi.media_type(kind, IMAGES)


@pytest.fixture(scope="module")
def described(live: Live) -> Any:
    pack = live.service.pack
    live.service.collections.create(
        Collection(
            COLLECTION, utc_now(), pack.pack_id, live.service.finder.dim, pack.strict, pack.loose
        )
    )
    return schemathesis.openapi.from_url(f"{live.url}/openapi.json", headers=live.bearer)


@pytest.fixture(autouse=True)
def nothing_unforeseen(caplog: pytest.LogCaptureFixture, live: Live) -> Any:
    """Nothing fails but in the ways that are described, and the service goes on."""
    with caplog.at_level(logging.WARNING, logger="facesort"):
        yield
    assert not caplog.records
    with live.http() as http:
        assert len(http.post("/detect", content=drawn(1)).json()["faces"]) == 1


def maybe_there(case: Any) -> Any:
    """Name the collection that is there, now and then."""

    def named(case: Any, there: bool) -> Any:
        if there and "collection_id" in (case.path_parameters or {}):
            case.path_parameters["collection_id"] = COLLECTION
        if there and "collection" in (case.query or {}):
            case.query["collection"] = COLLECTION
        return case

    return st.builds(named, st.just(case), st.booleans())


def answer_as_described(described: Any, live: Live, examples: int) -> None:
    """Ask every operation, with parameters that are valid and with others."""
    for found in described.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE).flatmap(maybe_there)
            | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        )
        def ask(case: Any) -> None:
            # Most images are none, and no schema can say so.
            case.call_and_validate(headers=live.bearer, excluded_checks=[positive_data_acceptance])

        ask()


def test_a_few(described: Any, live: Live) -> None:
    answer_as_described(described, live, 10)


@pytest.mark.slow
def test_many(described: Any, live: Live, whole_campaign: bool) -> None:
    answer_as_described(described, live, 1000 if whole_campaign else 100)
