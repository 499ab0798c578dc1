"""`packs measure` and `packs quantise`: what a user does once with a pack, with photos of their own."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesort.cli.terminal import FOLDER, pack_places, say, workspace_option
from facesort.core.text.words import several, share

if TYPE_CHECKING:
    from facesort.engine.calibration.measure import Measured
    from facesort.engine.calibration.quantise import Quantised
    from facesort.faces.packs.measured import Measurement
    from facesort.faces.protocol import ModelPack


@click.command("measure")
@click.argument("pack")
@workspace_option
@click.option(
    "--labelled", type=FOLDER, help="Labelled photos: one sub-folder per person, any people."
)
@click.option(
    "--photos",
    type=FOLDER,
    help="Photos without labels: faces of one photo are different people; misses stay unknown.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes.  [default: one per core]")
def packs_measure(
    pack: str, root: Path, labelled: Path | None, photos: Path | None, workers: int | None
) -> None:
    """Find thresholds, error rates, speed and memory of the model pack PACK.

    They are stored for this user, and the next sorts with PACK start from them, also in workspaces that are there
    already, unless facesort.toml sets others.
    """
    from facesort.engine.calibration.measure import measure_pack
    from facesort.faces.packs.find import resolve_pack
    from facesort.faces.packs.measured import save_measurement
    from facesort.lab.shared.progress_bar import progress_bar

    if (labelled is None) == (photos is None):
        raise click.UsageError(
            "give --labelled DIR (a folder per person), or --photos DIR (photos with several faces)"
        )
    chosen = resolve_pack(pack, pack_places(root))
    with progress_bar() as on_photo:
        found = measure_pack(
            chosen,
            datetime.now(UTC),
            labelled=labelled,
            photos=photos,
            workers=workers or os.cpu_count() or 1,
            on_photo=on_photo,
        )
    say(*_not_used(found), err=True)
    say(*_lines(found))
    path, told = save_measurement(found.measurement), found.measurement
    say(
        f"stored in {path}",
        f"{_moved(chosen, told)}, in every workspace with {chosen.name},",
        "those that are there too, unless its facesort.toml sets strict and loose; delete that file to go back to the "
        "pack's own",
    )


def _moved(pack: ModelPack, told: Measurement) -> str:
    """What a measurement changes of a pack's thresholds."""
    sides = (("STRICT", pack.strict, told.strict), ("LOOSE", pack.loose, told.loose))
    if all(before == after for _, before, after in sides):
        return f"STRICT {told.strict:.2f}, LOOSE {told.loose:.2f} as before"
    moves = (f"{name} {before:.2f} -> {after:.2f}" for name, before, after in sides)
    return f"{', '.join(moves)} from the next sort on"


def _not_used(found: Measured | Quantised) -> list[str]:
    """What of the folder was not used, and why."""
    refused = [f"{several(n, 'photo')} not used: {reason}" for reason, n in found.refused.items()]
    return [*map(str, found.left_out), *refused]


def _lines(measured: Measured) -> list[str]:
    told, found, speed = measured.measurement, measured.found, measured.speed
    exact, fpir = found.exact, found.fpir
    lines = [
        f"{told.pack}, measured on {told.measured_on}",
        f"STRICT {found.strict:.2f}, LOOSE {found.loose:.2f} (95 %: {exact.low:.2f} to {exact.high:.2f})",
        f"FPIR  {share(fpir.value)} (95 %: {share(fpir.low)} to {share(fpir.high)})  strangers named at LOOSE, "
        f"{told.persons} people in the gallery",
    ]
    if found.counted is not None:
        lines.append(
            f"      {share(found.counted.value)} (95 %: {share(found.counted.low)} to {share(found.counted.high)})  as "
            f"counted in galleries of {several(found.gallery, 'person', 'people')}"
        )
    if found.fnir is None:
        lines.append(
            "FNIR  not known: without labels nobody can say how many known faces are missed (--labelled)"
        )
    else:
        lines.append(
            f"FNIR  {share(found.fnir.value)} (95 %: {share(found.fnir.low)} to {share(found.fnir.high)})  known faces "
            f"missed at LOOSE, one reference each of {several(found.gallery, 'person', 'people')}"
        )
    if found.twice:
        lines.append(
            f"left out  {several(found.twice, 'pair')} in one photo within the pack's STRICT: one person twice, or "
            "look-alikes"
        )
    if found.widest_loose is not None:
        lines.append(f"widest LOOSE of an event with groups  {found.widest_loose:.2f}")
    lines.append(
        f"speed  {told.photos_per_cpu_second:.1f} photos and {told.faces_per_cpu_second:.1f} faces per CPU second "
        f"({several(speed.photos, 'photo')}, one thread); {told.peak_mb:.0f} MB at most"
    )
    return lines


@click.command("quantise")
@click.argument("pack")
@workspace_option
@click.option(
    "--calibrate-with",
    "photos",
    type=FOLDER,
    required=True,
    help="Photos like those to be sorted: one sub-folder per person.",
)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    help="Folder of the new pack.  [default: PACK-int8, beside the pack]",
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes.  [default: one per core]")
@click.pass_context
def packs_quantise(
    context: click.Context,
    pack: str,
    root: Path,
    photos: Path,
    target: Path | None,
    workers: int | None,
) -> None:
    """Make a copy of PACK whose recogniser computes in 8 bits.

    It is written only if its decisions about other people's faces are the original's, but for one in 200, and so are
    those about the faces that the original names.
    """
    from facesort.engine.calibration.quantise import quantise_pack, refusal
    from facesort.errors import PackError
    from facesort.faces.packs.find import resolve_pack
    from facesort.lab.shared.progress_bar import progress_bar

    chosen = resolve_pack(pack, pack_places(root))
    if target is None:
        if not chosen.is_folder or chosen.path is None:
            raise PackError(f"model pack {chosen.name} has no ONNX recogniser to quantise")
        target = chosen.path.with_name(f"{chosen.path.name}-int8")
    with progress_bar() as on_photo:
        found = quantise_pack(
            chosen,
            photos,
            target.absolute(),
            workers=workers or os.cpu_count() or 1,
            on_photo=on_photo,
        )
    gain, agreed = sorted(found.speed_ups), found.agreement
    say(*_not_used(found), err=True)
    say(
        f"calibrated with {several(found.calibrated, 'face')}; of {several(agreed.faces, 'face')} of other people, "
        f"{agreed.same:,} are decided as before; of {agreed.named:,} that {chosen.name} names, {agreed.same_named:,}",
        f"size   {found.bytes_before / 1e6:.1f} MB before, {found.bytes_after / 1e6:.1f} MB after",
        f"speed  {found.ms_before:.1f} ms per face before, {found.ms_after:.1f} ms after: "
        f"{gain[len(gain) // 2]:.2f} times as fast ({gain[0]:.2f} to {gain[-1]:.2f})",
    )
    if found.pack is None:
        say(refusal(found), err=True)
        context.exit(1)
    say(f"{found.pack.name} is in {found.pack.path}")
