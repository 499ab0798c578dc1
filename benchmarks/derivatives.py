"""Smaller versions of a photo: CPU time from the file to nine files, or six without AVIF, against pyvips; in one run.

pip install pyvips pyvips-binary; python benchmarks/derivatives.py --assets ../shared

Photos: all of the assets that have 12.6 megapixels or more, shrunk to that, and some made of real portraits under a
sensor's noise (`speed_photos.py`), which are harder to encode.  The ways take turns on each photo.  CPU time is that of
the process with all its threads.  Quality is compared with a Lanczos resize of the whole photo's pixels.
"""

from __future__ import annotations

import argparse
import gc
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
import pyvips
from figures import run_benchmark
from PIL import Image, ImageOps
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from speed_photos import Camera, make_jpegs

from facesort.core.derivatives import Variant
from facesort.images import decode_jpeg, derive, encode_output, load_photo

_SIZE = 4344, 2896  # 12.6 MP
_EDGES = 1024, 512, 256
_QUALITY = {"webp": 85, "jpeg": 90, "avif": 75}
_MOST = 1e4  # megapixels

Files = dict[tuple[str, int], bytes]
"""By format and long edge."""


@dataclass(frozen=True)
class Photo:
    """A photo as the camera wrote it, and its output JPEG."""

    data: bytes

    @cached_property
    def whole(self) -> Image.Image:
        with Image.open(io.BytesIO(self.data)) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")

    @cached_property
    def jpeg(self) -> bytes:
        return encode_output(load_photo(self.data, "a.jpg", max_megapixels=_MOST).pixels)


def by_facesort(photo: Photo, formats: tuple[str, ...]) -> Files:
    """As a sort makes them: from the photo to the output JPEG, and from that to all."""
    return from_the_copy(Photo(photo.data), formats)


def from_the_copy(photo: Photo, formats: tuple[str, ...]) -> Files:
    """As `facesort derive` makes them."""
    variants = [Variant(f, edge, _QUALITY[f]) for f in formats for edge in _EDGES]  # type: ignore[arg-type]
    return {(d.variant.format, d.variant.edge): d.data for d in derive(photo.jpeg, variants)}


def by_vips(photo: Photo, formats: tuple[str, ...], *, effort: int = 1) -> Files:
    """With libvips: shrunk while it is decoded, each size from the next larger, sRGB, without metadata."""
    found: Files = {}
    picture = pyvips.Image.thumbnail_buffer(photo.data, 1024, size="down", output_profile="srgb")
    for edge in _EDGES:
        if edge < 1024:
            picture = picture.thumbnail_image(edge, size="down")
        picture = picture.copy_memory()
        for kind in formats:
            options = {"Q": _QUALITY[kind], "keep": "none"}
            if kind == "avif":
                suffix, options = ".avif", options | {"effort": effort}
            else:
                suffix = {"webp": ".webp", "jpeg": ".jpg"}[kind]
            found[kind, edge] = picture.write_to_buffer(suffix, **options)
    return found


_WAYS: dict[str, Callable[..., Files]] = {
    "facesort": by_facesort,
    "facesort, from the copy": from_the_copy,
    "pyvips, AVIF effort 1": by_vips,
    "pyvips, AVIF effort 4 (its default)": partial(by_vips, effort=4),
}


@dataclass
class Measured:
    """What one way took and gave."""

    seconds: list[float] = field(default_factory=list)
    sizes: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    psnr: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    ssim: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def add(self, files: Files, whole: Image.Image) -> None:
        """Note the sizes and the quality of some files."""
        for key, data in files.items():
            with Image.open(io.BytesIO(data)) as picture:
                found = np.asarray(picture.convert("RGB"))
            height, width = found.shape[:2]
            wanted = np.asarray(whole.resize((width, height), Image.Resampling.LANCZOS))
            self.sizes.setdefault(key, []).append(len(data))
            self.psnr.setdefault(key, []).append(peak_signal_noise_ratio(wanted, found))
            similar = structural_similarity(wanted, found, channel_axis=2)
            self.ssim.setdefault(key, []).append(float(similar))


def photos(assets: Path, folder: Path, made: int) -> Iterator[bytes]:
    """JPEGs of 12.6 MP."""
    for path in sorted((assets / "photos").rglob("*.jp*g")):
        with Image.open(path) as picture:
            if picture.size[0] * picture.size[1] < _SIZE[0] * _SIZE[1]:
                continue
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        width, height = upright.size
        share = (_SIZE[0] * _SIZE[1] / (width * height)) ** 0.5
        size = round(width * share), round(height * share)
        file = io.BytesIO()
        upright.resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=92)
        yield file.getvalue()
    folder.mkdir()
    make_jpegs(assets, folder, made, Camera(size=_SIZE))
    for path in sorted(folder.rglob("*.JPG")):
        yield path.read_bytes()


def cpu_seconds(make: Callable[[], Files], folder: Path) -> tuple[float, Files]:
    """CPU time of all threads until the files are on the disk's cache, and the files."""
    gc.collect()
    started = time.process_time()
    files = make()
    for (kind, edge), data in files.items():
        (folder / f"{edge}.{kind}").write_bytes(data)
    return time.process_time() - started, files


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--made", type=int, default=5, help="photos made of portraits")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    ways = {
        f"{name}, {count}": partial(way, formats=formats)
        for count, formats in (("nine", ("webp", "jpeg", "avif")), ("six", ("webp", "jpeg")))
        for name, way in _WAYS.items()
    }
    measured = {name: Measured() for name in ways}
    with tempfile.TemporaryDirectory() as place:
        found = [Photo(data) for data in photos(args.assets, Path(place) / "made", args.made)]
        for photo, turn in product(found, range(args.rounds + 1)):  # the first warms up
            assert max(decode_jpeg(photo.jpeg).shape) == 2048
            for name, way in ways.items():
                seconds, files = cpu_seconds(partial(way, photo), Path(place))
                if turn:
                    measured[name].seconds.append(seconds)
                elif name.endswith("nine") and "the copy" not in name:
                    measured[name].add(files, photo.whole)
    sizes = ", ".join(f"{len(photo.data) / 1e6:.1f}" for photo in found)
    print(
        f"{len(found)} photos of 12.6 MP ({sizes} MB), {args.rounds} rounds; CPU seconds per photo"
    )
    show(measured)


def show(measured: dict[str, Measured]) -> None:
    """Print what each way took, and what it gave."""
    for name, one in measured.items():
        low, mid, high = np.quantile(one.seconds, (0.05, 0.5, 0.95))
        print(f"{name:40} median {mid:.3f}  (5 to 95 %: {low:.3f} to {high:.3f})")
    for name, one in measured.items():
        for key in sorted(one.sizes):
            print(
                f"{name:40} {key[0]:4} {key[1]:4} px  {median(one.sizes[key]) / 1000:6.1f} kB  "
                f"PSNR {median(one.psnr[key]):.1f} dB  SSIM {median(one.ssim[key]):.4f}"
            )


if __name__ == "__main__":
    run_benchmark(main, ["facesort/images/derivatives.py", "facesort/images/output.py"])
