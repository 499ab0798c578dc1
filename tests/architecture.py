"""Draws the picture in ARCHITECTURE.md from the import contracts; run as a script, it writes it there."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- drawn by `make architecture` -->\n", "<!-- end of the drawing -->\n"


def contracts() -> list[dict[str, Any]]:
    """The import contracts, in the order of pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return list(tomllib.loads(text)["tool"]["importlinter"]["contracts"])


def layers(contract: dict[str, Any]) -> list[list[str]]:
    """Rooms by layer, the highest first."""
    return [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]


def drawing() -> str:
    """The rooms as a Mermaid flowchart, and the contracts as a list."""
    drawn = {c["containers"][0]: c for c in contracts() if c["type"] == "layers"}
    top = drawn.pop("facesort")
    lines = ["```mermaid", "flowchart TB"]
    for package, contract in drawn.items():
        lines += [f"    subgraph {package.rpartition('.')[2]}", *_arrows(contract), "    end"]
    lines += [*_arrows(top), "```", "", "Checked by `make lint`:", ""]
    lines += [f"- {contract['name']}" for contract in contracts()]
    return "\n".join(lines) + "\n"


def _arrows(contract: dict[str, Any]) -> Iterator[str]:
    """Every layer points to the next one below it."""
    name = contract["containers"][0].rpartition(".")[2]
    node, indent = ("{0}", "    ") if name == "facesort" else (name + "_{0}[{0}]", " " * 8)
    rows = [" & ".join(node.format(room) for room in layer) for layer in layers(contract)]
    yield from (f"{indent}{above} --> {below}" for above, below in pairwise(rows))


def updated(text: str) -> str:
    """ARCHITECTURE.md with the drawing of today in place of the one that is there."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + drawing() + END + after


if __name__ == "__main__":
    page = ROOT / "ARCHITECTURE.md"
    page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")
