"""Who is in clips, and from when to when, through the real job: against the truth, at several rates of sampling.

    python benchmarks/video.py --pack ../shared/models/mbf128 --assets ../shared

Clips are composed of LFW's photos (`composed_clips.py`); two photos of each person are references, all others play.
Every fourth person is a stranger, without a reference.  *Followed*: the tracks that lie on a person's face, whatever
their name, of all and of those who are seen for 2 s and more each time; then those with the person's name, STRICT, or
LOOSE as well (which waits for a yes).
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from composed_clips import Cast, Film, Portrait, Spans, Truth, compose, films, intervals
from figures import run_benchmark
from numpy.typing import NDArray

from facesort.core.clips import Track
from facesort.core.records import PhotoRef
from facesort.core.stored import StoredFace
from facesort.engine.analysis.analyse import Analyser, Task, analyse_file
from facesort.engine.analysis.clips import ClipAnalysis
from facesort.engine.analysis.pool import LocalPool
from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.sort import run_sort
from facesort.engine.setup import set_up
from facesort.faces.packs.find import resolve_pack
from facesort.settings import PhotoSettings
from facesort.store.queries.stored import stored_photos
from facesort.store.queries.tracks import tracks_of
from facesort.workspace import Workspace

SAMPLE = {
    "lin": ["lin-manuel-miranda.png"],
    "alex": ["alex-lacamoire.png", "train/alex_lacamoire/*"],
    "obama": ["train/obama/*"],
    "biden": ["train/biden/*"],
    "kit": ["train/kit_harington/*"],
    "rose": ["train/rose_leslie/*"],
}
SEEN: dict[str, Spans] = {
    "lin": [(0, 680), (2720, 7040)],
    "alex": [(0, 2720)],
    "obama": [(7040, 9176)],
}
"""Who is in the sample clip, as seen by eye: Alex far away and then from the side, Obama from the side."""

WANTED = 0.9
_ON_FACE = 0.3  # intersection over union of a track's box with a person's
_LONG_MS = 2000
_MINUTE_MS = 60_000
_REFERENCES, _PHOTOS = 2, 6


@dataclass(slots=True)
class Score:
    """What was found of the known people of some clips: how much of each person's time."""

    followed: list[float] = field(default_factory=list)
    long: list[float] = field(default_factory=list)
    strict: list[float] = field(default_factory=list)
    loose: list[float] = field(default_factory=list)
    tracks: int = 0
    mixed: int = 0
    wrong: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.followed + other.followed,
            self.long + other.long,
            self.strict + other.strict,
            self.loose + other.loose,
            self.tracks + other.tracks,
            self.mixed + other.mixed,
            self.wrong + other.wrong,
        )

    def row(self, *first: str) -> str:
        cells = [f"{self.tracks}", f"{self.mixed}", f"{self.wrong}"]
        for ious in (self.followed, self.long, self.strict, self.loose):
            good = sum(iou >= WANTED for iou in ious)
            cells.append(f"{statistics.fmean(ious):.3f} ({good}/{len(ious)})" if ious else "-")
        return f"| {' | '.join([*first, *cells])} |"


def make_cast(folders: Sequence[Path], pack: str, models: Path) -> Cast:
    """Photos with one face, after those that are references."""
    photos = [p for f in folders for p in sorted(f.glob("*.jpg"))[_REFERENCES:_PHOTOS]]
    root = folders[0].parent
    analyser = Analyser({"": root}, resolve_pack(pack, [models]), PhotoSettings())
    cast: dict[str, list[Portrait]] = defaultdict(list)
    for number, path in enumerate(photos):
        task = Task(PhotoRef(number, path.relative_to(root).as_posix()))
        faces = analyse_file(analyser, task).faces
        if len(faces) == 1:
            pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            cast[path.parent.name].append(Portrait(np.asarray(pixels, np.uint8), faces[0].box))
    return cast


def iou(one: Spans, other: Spans) -> float:
    """Intersection over union of two sets of times."""
    edges = np.unique([edge for span in (*one, *other) for edge in span] or [0.0])
    middles, lengths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    inside = [
        np.array([any(start <= at < end for start, end in spans) for at in middles], bool)
        for spans in (one, other)
    ]
    union = float(lengths[inside[0] | inside[1]].sum())
    return float(lengths[inside[0] & inside[1]].sum()) / union if union else 1.0


def _on(box: NDArray[np.float32], ms: int, truth: Truth, times: NDArray[np.float64]) -> str | None:
    """Whose face a box lies on."""
    seen = truth[max(int(np.searchsorted(times, ms + 1, "right")) - 1, 0)][1]
    ious = {name: _overlap(box, np.array(other)) for name, other in seen.items()}
    best = max(ious, key=lambda name: ious[name], default=None)
    return best if best is not None and ious[best] >= _ON_FACE else None


def _overlap(one: NDArray[np.float32], other: NDArray[np.float64]) -> float:
    sides = np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0)
    common = float(sides.prod())
    areas = float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod())
    return common / max(areas - common, 1e-9)


def score(truth: Truth, known: set[str], found: Iterable[tuple[StoredFace, Track]]) -> Score:
    """Compare what was found in one clip with the truth."""
    times = np.array([ms for ms, _ in truth])
    followed, strict, loose = (defaultdict[str, Spans](list) for _ in range(3))
    result = Score()
    for face, track in found:
        span = (float(track.start_ms), float(track.end_ms))
        people = Counter(
            _on(box, int(ms), truth, times)
            for ms, box in zip(track.times_ms, track.boxes, strict=True)
        )
        who = people.most_common(1)[0][0]
        result.tracks += 1
        result.mixed += sum(n for name, n in people.items() if name not in (who, None))
        if who is not None:
            followed[who].append(span)
        if face.person is not None:
            result.wrong += face.person != who
            loose[face.person].append(span)
            if face.outcome == "strict":
                strict[face.person].append(span)
    for name, spans in intervals(truth).items():
        if name in known:
            result.followed.append(iou(spans, followed[name]))
            if min(end - start for start, end in spans) >= _LONG_MS:
                result.long.append(result.followed[-1])
            result.strict.append(iou(spans, strict[name]))
            result.loose.append(iou(spans, loose[name]))
    return result


@dataclass(frozen=True, slots=True)
class Measured:
    """What a sort found in each clip, by the stem of its name, and the CPU time that it took."""

    found: Mapping[str, list[tuple[StoredFace, Track]]]
    reasons: Mapping[str, str | None]
    minutes: float
    cpu_s: float


def sort(
    root: Path, clips: Path, people: Mapping[str, Sequence[Path]], pack: str, per_second: float
) -> Measured:
    """Sort clips in a new workspace; `per_second` 0: key frames."""
    workspace, chosen = set_up(root / "hot", [clips], root / "out", pack, [])
    for number in range(_REFERENCES):
        candidates = [Candidate(n, f[number]) for n, f in people.items() if len(f) > number]
        list(seed(workspace, chosen, candidates))
    photos = PhotoSettings(
        videos=True, samples_per_second=per_second or 5, key_frames_only=not per_second
    )
    settings = workspace.settings.model_copy(update={"photos": photos})
    workspace = Workspace(workspace.root, settings)
    before = _cpu_s()
    run_sort(workspace, chosen)
    cpu_s = _cpu_s() - before
    found: dict[str, list[tuple[StoredFace, Track]]] = {}
    reasons, milliseconds = {}, 0
    with workspace.open_store(read_only=True) as store:
        for photo in stored_photos(store):
            tracks = tracks_of(store, [face.face_id for face in photo.faces], strip=False)
            stem = Path(photo.photo.path).stem
            found[stem] = [(face, tracks[face.face_id]) for face in photo.faces]
            reasons[stem] = photo.reason
            milliseconds += photo.clip.duration_ms if photo.clip else 0
    shutil.rmtree(root)
    return Measured(found, reasons, milliseconds / 60_000, cpu_s)


def _cpu_s() -> float:
    """Of this process and of its workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


_HEAD = """| {} | tracks | mixed detections | wrong names | followed: mean IoU (>= 0.9) | for 2 s | STRICT | or LOOSE |
|---|---|---|---|---|---|---|---|"""


def _casting(options: argparse.Namespace) -> list[Path]:
    """Folders of the people with photos enough, in a random order."""
    every = sorted((options.assets / "photos/lfw").iterdir())
    folders = [p for p in every if len(list(p.glob("*.jpg"))) > _REFERENCES]
    random.Random(options.seed).shuffle(folders)
    return folders


def composed(options: argparse.Namespace, root: Path) -> None:
    """The composed clips, at each rate."""
    folders = _casting(options)
    cast = make_cast(folders[: options.people], options.pack, options.assets / "models")
    known = {name for number, name in enumerate(cast) if number % 4}
    people = {f.name: sorted(f.glob("*.jpg")) for f in folders if f.name in known}
    truths: dict[str, Truth] = {}
    (root / "clips").mkdir()
    for film in films(list(cast), options.seed):
        path = root / "clips" / f"{film.name.replace(' ', '_')}.mp4"
        truths[film.name] = compose(path, film, cast, options.seed)
    for per_second in options.rates:
        measured = sort(root / f"{per_second:g}", root / "clips", people, options.pack, per_second)
        rate = f"{per_second:g} per second" if per_second else "key frames"
        total = Score()
        print("\n" + _HEAD.format(f"{Path(options.pack).name}, {rate}"))
        for name, truth in truths.items():
            one = score(truth, known, measured.found[name.replace(" ", "_")])
            print(one.row(name))
            total += one
        print(total.row("all"))
        print(
            f"\n{measured.cpu_s / measured.minutes:.1f} CPU s per minute, of {measured.minutes:.2f} minutes",
            flush=True,
        )


def sample(options: argparse.Namespace, root: Path) -> None:
    """The short clip of knn_examples, against what the eye sees, and a file that is no clip."""
    folder = options.assets / "photos/knn_examples"
    (root / "sample").mkdir()
    shutil.copyfile(folder / "short_hamilton_clip.mp4", root / "sample/short_hamilton_clip.mp4")
    (root / "sample/no_bytes.mp4").touch()
    people = {
        name: [p for g in globs for p in sorted(folder.glob(g))] for name, globs in SAMPLE.items()
    }
    for per_second in options.rates:
        place = root / f"sample-{per_second:g}"
        measured = sort(place, root / "sample", people, options.pack, per_second)
        found = measured.found["short_hamilton_clip"]
        print(
            f"\nThe sample clip, {per_second:g} per second: {len(found)} tracks; {measured.reasons}"
        )
        for name, truth in SEEN.items():
            spans = [(face.outcome, track) for face, track in found if face.person == name]
            told = ", ".join(
                f"{t.start_ms / 1000:.2f} to {t.end_ms / 1000:.2f} s ({o})" for o, t in spans
            )
            share = iou(truth, [(t.start_ms, t.end_ms) for _, t in spans])
            print(f"  {name}: IoU {share:.2f}: {told or 'not named'}")
        others = Counter(face.person for face, _ in found)
        print(f"  others: { ({name: n for name, n in others.items() if name not in SEEN}) }")


def workers(options: argparse.Namespace, root: Path) -> None:
    """How long a clip of a minute takes with one worker and with two, in turns."""
    folders = _casting(options)
    cast = make_cast(folders[: options.people], options.pack, options.assets / "models")
    some = {film.name: film for film in films(list(cast), options.seed)}
    shots = [shot for film in some.values() for shot in film.shots]  # more than a minute
    lasted = np.cumsum([shot.length_ms for shot in shots])
    minute = Film("minute", tuple(shots[: int(np.searchsorted(lasted, _MINUTE_MS)) + 1]))
    compose(root / "minute.mp4", minute, cast, options.seed)
    compose(root / "short.mp4", some["pan"], cast, options.seed)
    photos = PhotoSettings(videos=True)
    analyser = Analyser({"": root}, resolve_pack(options.pack, []), photos)
    took: dict[int, list[float]] = {1: [], 2: []}
    for _, number in product(range(options.rounds), took):
        with LocalPool(number, photos.timeout_s) as pool:
            # Two parts: each worker is started, and loads the models.
            ClipAnalysis(analyser, pool, Task(PhotoRef(1, "short.mp4"))).run()
            started = time.perf_counter()
            found = ClipAnalysis(analyser, pool, Task(PhotoRef(1, "minute.mp4"))).run()
            took[number].append(time.perf_counter() - started)
        assert found.clip is not None
    minutes = found.clip.duration_ms / _MINUTE_MS
    for number, seconds in took.items():
        each = sorted(s / minutes for s in seconds)
        print(
            f"{number} workers: {statistics.median(each):.1f} s per minute ({each[0]:.1f} to {each[-1]:.1f})"
        )
    ratios = sorted(one / two for one, two in zip(*took.values(), strict=True))
    print(
        f"two are {statistics.median(ratios):.2f} times as fast ({ratios[0]:.2f} to {ratios[-1]:.2f}); "
        f"{len(found.faces)} tracks; load {os.getloadavg()[0]:.1f}"
    )


CLIPS = {"sample": sample, "composed": composed, "workers": workers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", choices=CLIPS, nargs="*", default=["sample", "composed"])
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--pack", default="../shared/models/mbf128")
    parser.add_argument("--rates", type=float, nargs="+", default=[2, 5, 30], help="0: key frames")
    parser.add_argument("--people", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="of `workers`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.clips:
            CLIPS[kind](options, Path(folder))


if __name__ == "__main__":
    run_benchmark(
        main,
        [
            "facesort/core/faces/tracks.py",
            "facesort/core/persons/sightings.py",
            "facesort/core/delivery/appearances.py",
        ],
    )
