"""ARCHITECTURE.md shows the rooms as the import contracts have them."""

from __future__ import annotations

import re
from pathlib import Path

from architecture import contracts, drawing, layers, updated


def test_the_picture_is_the_one_of_the_contracts(checkout: Path) -> None:
    page = (checkout / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert drawing() in page
    assert page == updated(page), "run `make architecture`"


def test_every_room_is_described(checkout: Path) -> None:
    page = (checkout / "ARCHITECTURE.md").read_text(encoding="utf-8")
    first_column = "\n".join(re.findall(r"^\| (.+?) \|", page, re.M))
    described = set(re.findall(r"`([\w/.]+?)/?`", first_column))
    rooms = {
        "/".join([*contract["containers"][0].split(".")[1:], room])
        for contract in contracts()
        if contract["type"] == "layers"
        for layer in layers(contract)
        for room in layer
    }
    assert rooms - {name.removesuffix(".py") for name in described} == set()
    assert {name for name in described if not (checkout / "facesort" / name).exists()} == set()
