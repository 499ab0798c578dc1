"""Where the time of a sort goes, as a table and as figures for programs."""

from __future__ import annotations

from types import MappingProxyType

from facesort.core.stages import Stage, StageTime
from facesort.lab.shared.tables import Table, percent
from facesort.store.queries.reports import RunStages

_WORDS = MappingProxyType(
    {
        Stage.LOAD: "the model pack is loaded, once per worker",
        Stage.READ: "the file is read, once",
        Stage.DECODE: "pixels, upright and in sRGB",
        Stage.DETECT: "shrunk for the detector; faces found",
        Stage.ALIGN: "faces cut out, turned and scaled",
        Stage.EMBED: "one embedding per face",
        Stage.RESIZE: "the output's size",
        Stage.ENCODE: "JPEGs: the output, and a crop of each face",
        Stage.MATCH: "distances, decisions, routes, learning",
        Stage.RENDER: "JPEGs that are not in staging, from copies or the source",
        Stage.COPY: "into staging, and on to the persons' folders",
        Stage.HASH: "SHA-256, and the look of a photo",
        Stage.FSYNC: "until files and folders are on the disk",
        Stage.STORE: "the database",
        Stage.OTHER: "all between: quality of faces, progress files",
        Stage.WAIT: "for the workers",
    }
)


def stage_table(stages: RunStages) -> Table:
    """What each stage took per photo, wall and CPU time; shares are of the place it was done in."""
    return Table(
        ("Where", "Stage", "ms per photo", "CPU ms", "Share", "What it is"),
        [
            *_rows("worker", stages.workers, stages.photos),
            *_rows("coordinator", stages.coordinator, stages.photos),
        ],
        note=f"Over {stages.photos:,} photos. Several workers are at work at a time, beside the coordinator.",
    )


def _rows(place: str, times: tuple[StageTime, ...], photos: int) -> list[tuple[str, ...]]:
    """One row per stage, and one for all of them."""
    wall, cpu = sum(t.seconds for t in times), sum(t.cpu_seconds for t in times)
    rows = [(t.stage.value, t.seconds, t.cpu_seconds, _WORDS[t.stage]) for t in times]
    return [
        (
            place,
            name,
            f"{_per_photo(seconds, photos):.2f}",
            f"{_per_photo(cpu_seconds, photos):.2f}",
            percent(seconds, wall),
            words,
        )
        for name, seconds, cpu_seconds, words in [*rows, ("all", wall, cpu, "")]
        if times
    ]


def stage_summary(stages: RunStages) -> dict[str, dict[str, float]]:
    """Wall milliseconds per photo by place and stage, for ``summary.json``."""
    places = {"workers": stages.workers, "coordinator": stages.coordinator}
    return {
        place: {t.stage.value: round(_per_photo(t.seconds, stages.photos), 3) for t in times}
        for place, times in places.items()
    }


def _per_photo(seconds: float, photos: int) -> float:
    """Milliseconds; of a run that only matched again, 0."""
    return 1000 * seconds / photos if photos else 0.0
