"""What the workers of a cluster have done, as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from facesort.core.text.words import several


def member_sentences(members: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One for each worker of a status report: what it did, or why it was refused."""
    for member in members:
        if member["refused"]:
            yield f"{member['name']} was refused: {member['refused']}"
            continue
        now, most = member["processes"], member.get("most_processes", 0)
        of = f"{now} of up to " if now < most else ""
        said = [of + several(max(now, most), "process", "processes")]
        if member["photos"]:
            said.append(several(member["photos"], "photo"))
        if rate := member["images_per_second"]:
            said.append(f"{rate:g} images/s")
        if member["left"]:
            said.append("has left")
        yield f"{member['name']}: {', '.join(said)}"
