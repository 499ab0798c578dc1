"""Files that no camera wrote, through whole jobs: each ends as a result or a reason, and takes nothing with it."""

from __future__ import annotations

import io
import shutil
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_event import make_workspace, sort_in_threads, write_photo
from torture.campaign import Ledger, chance, share
from torture.mutations import mutated
from torture.processes import peak_memory

from facesort.engine.analysis.pool import LocalPool
from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.sort import SortOptions, run_sort
from facesort.engine.setup import set_up
from facesort.faces.engines.synthetic import draw_synthetic_face
from facesort.faces.protocol import ModelPack
from facesort.images import photo_kind
from facesort.reasons import PhotoStatus, Reason
from facesort.settings import PhotoSettings
from facesort.store.queries import reports
from facesort.workspace import Workspace

LIMITS = PhotoSettings(timeout_s=60, max_worker_mb=1500)
# Between two looks at its memory a worker can take a little more than it may.
SLACK_MB = 300
FILES_PER_JOB = 500
LARGEST = 1_600_000  # bytes of a file to mutate


@cache
def originals(formats: Path) -> dict[str, list[Path]]:
    """Files to mutate, by suffix, so that each format is fed alike."""
    found: dict[str, list[Path]] = {}
    for path in sorted(formats.rglob("*")):
        if photo_kind(path.name) == "photo" and 0 < path.stat().st_size <= LARGEST:
            found.setdefault(path.suffix.lower(), []).append(path)
    return found


def sort_all(
    workspace: Workspace, pack: ModelPack, ledger: Ledger, workers: int = 1
) -> Counter[str]:
    """Sort with real workers that have limits; how the photos ended."""
    with peak_memory() as peak, LocalPool.of(workers, workspace.settings.photos) as pool:
        run_sort(workspace, pack, SortOptions(pool))
    ledger.peak("peak memory of a worker (MB)", peak.worker_mb)
    assert 0 < peak.worker_mb < workspace.settings.photos.max_worker_mb + SLACK_MB
    with workspace.open_store(read_only=True) as store:
        counts = reports.counts(store)
        failed = reports.failed_photos(store, limit=100_000)
        skipped = sum(reports.skipped_reasons(store).values())
    files = sum(path.is_file() for path in workspace.settings.sources["card-1"].rglob("*"))
    assert counts.total + skipped == files
    assert counts.photos[PhotoStatus.PENDING] == 0
    assert {reason for _, reason, _ in failed} <= {reason.value for reason in Reason}
    assert all(detail for _, _, detail in failed)
    ended = Counter({status.value: n for status, n in counts.photos.items()})
    return ended + Counter(reason for _, reason, _ in failed)


def limited(workspace: Workspace, photos: PhotoSettings = LIMITS) -> Workspace:
    settings = workspace.settings.model_copy(update={"photos": photos})
    return Workspace(workspace.root, settings)


def with_pack(folder: Path, source: Path, assets: Path, name: str) -> tuple[Workspace, ModelPack]:
    if name == "synthetic":
        return make_workspace(folder, source)
    workspace, pack = set_up(
        folder / "hot", [source], folder / "out", str(assets / "models" / name), []
    )
    (report,) = seed(
        workspace, pack, [Candidate("Somebody", assets / "photos/compreface/005_A.jpg")]
    )
    assert report.refused is None
    return workspace, pack


@pytest.mark.models
@pytest.mark.parametrize("job", range(share(1, 21)))
def test_mutated_photos(job: int, assets: Path, ledger: Ledger, tmp_path: Path) -> None:
    """Every seventh job looks for faces with real models: what is still a picture may be a strange one."""
    random = chance("mutations", job)
    kinds = originals(assets / "formats")
    source = tmp_path / "source"
    source.mkdir()
    for number in range(share(150, FILES_PER_JOB)):
        original = random.choice(kinds[random.choice(sorted(kinds))])
        data = mutated(original.read_bytes(), random)
        (source / f"{number:04d}-{original.stem[:40]}{original.suffix}").write_bytes(data)
    workspace, pack = with_pack(tmp_path, source, assets, "mbf128" if job % 7 == 3 else "synthetic")

    ended = sort_all(limited(workspace), pack, ledger)

    ledger.count("files fed: mutated", share(150, FILES_PER_JOB))
    ledger.note(f"job {job}: {dict(ended)}")
    assert ended["failed"] > 20, "the mutations are too tame"
    assert ended["no_face"] + ended["matched"] + ended["unknown"] > 20, "and too wild"
    shutil.rmtree(source)


@pytest.mark.models
def test_broken_files_and_every_format(assets: Path, ledger: Ledger, tmp_path: Path) -> None:
    """With the limits of this campaign; what each must end as is in ``tests/engine/job/test_real_files.py``."""
    for name in ("formats", "broken"):
        shutil.copytree(assets / name, tmp_path / "source" / name)
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")

    ended = sort_all(limited(workspace), pack, ledger)

    assert ended["worker_died"] == ended["timeout"] == 0
    ledger.count("files fed: as they are, whole and broken", ended["failed"] + ended["no_face"])


# --- bombs and giants -------------------------------------------------------------------------


def _png(width: int, height: int, bits: int, colour: int) -> bytes:
    """A PNG of zeros, written row by row: a bomb should not go off where it is made."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    row = bytes(1 + (width * bits * channels + 7) // 8)
    packer = zlib.compressobj(1)
    packed = b"".join([packer.compress(row) for _ in range(height)]) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def _saved(size: tuple[int, int], kind: str, mode: str = "L", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, kind, **options)
    return stream.getvalue()


BOMBS: dict[str, Callable[[], bytes]] = {
    "900-megapixels.png": lambda: _png(30_000, 30_000, 1, 0),
    "500-megapixels.png": lambda: _png(25_000, 20_000, 8, 2),
    "150-megapixels-deep.png": lambda: _png(15_000, 10_000, 16, 6),
    "500-megapixels.jpg": lambda: _saved((25_000, 20_000), "JPEG", quality=10),
    "500-megapixels.tif": lambda: _saved(
        (25_000, 20_000), "TIFF", compression="tiff_adobe_deflate"
    ),
    "150-megapixels.tif": lambda: _saved((15_000, 10_000), "TIFF", "RGBA", compression="tiff_lzw"),
    "one-line.png": lambda: _png(150_000_000, 1, 1, 0),
    "one-column.png": lambda: _png(1, 1_000_000, 8, 2),
    "one-pixel.png": lambda: _png(1, 1, 8, 2),
    "widest.jpg": lambda: _saved((65_000, 1), "JPEG"),
    "largest.gif": lambda: _saved((65_535, 7_000), "GIF"),
    "largest.webp": lambda: _saved((16_383, 8_000), "WEBP", "RGB", quality=1, method=0),
}


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("bombs")
    for name, make in BOMBS.items():
        (source / name).write_bytes(make())
    write_photo(source / "photo.jpg", [1])
    return source


@pytest.mark.parametrize("megapixels", [200.0, 2000.0])
def test_bombs_and_giants(megapixels: float, bombs: Path, ledger: Ledger, tmp_path: Path) -> None:
    """Also where somebody has raised the limit on megapixels: then the one on memory holds."""
    workspace, pack = make_workspace(tmp_path, bombs)
    limits = LIMITS.model_copy(update={"max_megapixels": megapixels})

    ended = sort_all(limited(workspace, limits), pack, ledger)

    ledger.count("files fed: bombs, giants and swarms", len(BOMBS))
    with workspace.open_store(read_only=True) as store:
        failed = {path: reason for path, reason, _ in reports.failed_photos(store, limit=100)}
    assert ended["matched"] == 1
    # libwebp, refused its memory, does not say that it was that.
    assert failed.pop("largest.webp", "corrupt") in {"too_large", "corrupt"}
    assert set(failed.values()) <= {"too_large", "timeout"}
    refused = {name for name, reason in failed.items() if reason == "too_large"}
    assert "500-megapixels.png" in refused
    if megapixels < 500:
        assert {"900-megapixels.png", "500-megapixels.jpg"} <= refused
    else:
        assert "500-megapixels.jpg" not in refused  # decoded at an eighth of its size


def swell(*_: object) -> None:
    """Take memory bit by bit, as a leak does."""
    kept = []
    while True:
        kept.append(b"x" * 10_000_000)


def swell_at_once(*_: object) -> None:
    """Take it in one call that lets no other thread run, as a decoder may."""
    bytearray(b"x") * 20_000_000_000


@pytest.mark.parametrize("act", [swell, swell_at_once])
def test_a_worker_that_swells_fails_alone(
    act: Callable[..., None], ledger: Ledger, tmp_path: Path
) -> None:
    for name in "abcde":
        write_photo(tmp_path / "source" / f"{name}.jpg", [1], shade=ord(name))
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    workspace = limited(workspace, LIMITS.model_copy(update={"max_worker_mb": 600}))

    class Swelling(LocalPool):
        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            return super().submit(act if args[1].ref.path == "c.jpg" else fn, *args, **kwargs)

    with peak_memory() as peak, Swelling.of(1, workspace.settings.photos) as pool:
        run_sort(workspace, pack, SortOptions(pool))

    ledger.count("files fed: bombs, giants and swarms")
    assert peak.worker_mb < 600 + SLACK_MB
    with workspace.open_store(read_only=True) as store:
        failed = reports.failed_photos(store, limit=10)
        assert reports.counts(store).photos[PhotoStatus.MATCHED] == 4
    assert [(path, reason) for path, reason, _ in failed] == [("c.jpg", "too_large")]
    assert "photos.max_worker_mb" in failed[0][2]


# --- swarms -----------------------------------------------------------------------------------


def test_two_hundred_faces_in_one_photo(ledger: Ledger, tmp_path: Path) -> None:
    pixels = np.full((600, 1200, 3), 200, dtype=np.uint8)
    for number in range(200):
        left, top = 8 + number % 20 * 59, 8 + number // 20 * 59
        draw_synthetic_face(pixels, (left, top, left + 48, top + 48), 1 + number)
    (tmp_path / "source").mkdir()
    Image.fromarray(pixels).save(tmp_path / "source" / "crowd.png")
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")

    sort_in_threads(workspace, pack)

    ledger.count("files fed: bombs, giants and swarms")
    with workspace.open_store(read_only=True) as store:
        assert sum(reports.counts(store).faces.values()) == 200
        assert reports.photo_folders(store) == {
            "crowd.png": {f"Person {number}" for number in range(1, 5)}
        }


def test_a_swarm_of_tiny_files_in_one_folder(ledger: Ledger, tmp_path: Path) -> None:
    files = share(3_000, 1_000_000)
    source = tmp_path / "source"
    write_photo(source / "photo.jpg", [1])
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    for number in range(files):
        # Every other one is a picture; bytes after its end make it another file.
        content = stream.getvalue() if number % 2 else b"no picture "
        (source / f"{number:07d}.jpg").write_bytes(content + b"%d" % number)
    workspace, pack = make_workspace(tmp_path, source)

    sort_in_threads(workspace, pack)

    ledger.count("files fed: bombs, giants and swarms", files)
    with workspace.open_store(read_only=True) as store:
        photos = reports.counts(store).photos
    assert photos == dict.fromkeys(PhotoStatus, 0) | {
        PhotoStatus.MATCHED: 1,
        PhotoStatus.NO_FACE: files // 2,
        PhotoStatus.FAILED: files // 2,
    }
