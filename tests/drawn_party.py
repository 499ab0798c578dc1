"""Photos that are pleasant to look at, for the pictures in the documentation: drawn people at a party.

Their faces are those that the synthetic engine reads, so that a job finds and names them; nobody real is in them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from facesort.faces.engines.synthetic import draw_synthetic_face

SIZE = (1200, 800)
FACE = 180  # px, ten for each unit of a drawn face

# Above, below, ground: nothing in them is magenta, which the engine looks for.
_SCENES = [
    ((255, 196, 120), (255, 236, 200), (120, 140, 84)),  # evening on the lawn
    ((120, 186, 232), (220, 240, 250), (226, 208, 160)),  # by the sea
    ((44, 56, 92), (92, 104, 140), (70, 62, 66)),  # night
    ((236, 226, 210), (250, 244, 232), (176, 134, 92)),  # in the hall
    ((160, 206, 190), (232, 246, 232), (104, 150, 96)),  # in the garden
]
_CLOTHES = [
    *[(214, 84, 60), (52, 104, 168), (60, 140, 100), (240, 180, 60), (96, 84, 150)],
    *[(40, 60, 72), (232, 128, 80), (70, 150, 168), (150, 110, 70), (190, 200, 206)],
]
_HAIR = [(60, 44, 36), (168, 116, 60), (30, 30, 34), (110, 70, 44), (214, 180, 112)]
_SKIN = [(240, 204, 170), (198, 146, 108), (128, 88, 64), (224, 176, 136)]
_BUNTING = [(214, 84, 60), (240, 180, 60), (60, 140, 100), (52, 104, 168)]


def draw_photo(path: Path, people: list[int], *, variation: int, scene: int) -> None:
    """A photo of 1200 x 800 px, with up to five people beside each other."""
    width, height = SIZE
    above, below, ground = (
        np.array(colour, np.float64) for colour in _SCENES[scene % len(_SCENES)]
    )
    horizon = 560
    share = np.linspace(0, 1, horizon)[:, None, None]
    pixels = np.empty((height, width, 3), np.float64)
    pixels[:horizon] = above * (1 - share) + below * share
    pixels[horizon:] = ground * np.linspace(1, 0.8, height - horizon)[:, None, None]
    image = Image.fromarray(pixels.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    _decorate(draw, scene)
    step = width / (len(people) + 1)
    boxes = []
    for place, identity in enumerate(people, start=1):
        middle = int(step * place) + (scene * 37 + place * 53) % 31 - 15
        top = 250 + (identity * 29) % 70
        boxes.append((middle - FACE // 2, top, middle + FACE // 2, top + FACE))
        _draw_body(draw, boxes[-1], identity)
    drawn = np.array(image)
    for box, identity in zip(boxes, people, strict=True):
        draw_synthetic_face(drawn, box, identity, variation=variation)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(drawn).save(path, quality=92, exif=_exif(scene))


def _exif(scene: int) -> Image.Exif:
    """Every photo a quarter of an hour after the last one."""
    exif = Image.Exif()
    exif[0x0110] = "Drawn camera"
    taken = datetime(2026, 6, 13, 15) + timedelta(minutes=15 * (scene % 20))
    exif.get_ifd(0x8769)[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
    return exif


def _decorate(draw: ImageDraw.ImageDraw, scene: int) -> None:
    """Bunting, and a sun or lamps."""
    for number in range(16):
        left = number * 80 - 20
        sag = 46 - int(40 * (2 * abs(number - 7.5) / 15 - 1) ** 2) + 6 * (scene % 3)
        colour = _BUNTING[(number + scene) % len(_BUNTING)]
        draw.polygon([(left, sag), (left + 64, sag), (left + 32, sag + 62)], fill=colour)
    if scene % 5 in (0, 1):
        at = 180 + (scene * 211) % 800
        draw.ellipse((at, 150, at + 120, 270), fill=(255, 244, 214))
    elif scene % 5 == 2:
        for number in range(7):
            at = 60 + number * 180
            draw.ellipse(
                (at, 140 + 24 * (number % 2), at + 34, 174 + 24 * (number % 2)),
                fill=(255, 226, 150),
            )


def _draw_body(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], identity: int) -> None:
    x0, y0, x1, y1 = box
    middle = (x0 + x1) // 2
    clothes = _CLOTHES[identity % len(_CLOTHES)]
    skin, hair = _SKIN[identity % len(_SKIN)], _HAIR[(identity * 3) % len(_HAIR)]
    draw.rounded_rectangle((x0 - 34, y1 + 34, x1 + 34, SIZE[1] + 90), 84, fill=clothes)
    draw.rectangle((middle - 30, y1 - 4, middle + 30, y1 + 52), fill=skin)
    draw.polygon([(middle - 44, y1 + 34), (middle + 44, y1 + 34), (middle, y1 + 92)], fill=skin)
    if identity % 2:  # long hair, and short
        draw.rounded_rectangle((x0 - 30, y0 - 40, x1 + 30, y1 + 60), 80, fill=hair)
    else:
        draw.pieslice((x0 - 24, y0 - 52, x1 + 24, y1 - 20), 180, 360, fill=hair)
        draw.rectangle((x0 - 24, y0 + 40, x1 + 24, y0 + 60), fill=hair)
    draw.rounded_rectangle((x0 - 14, y0 - 16, x1 + 14, y1 + 20), 46, fill=skin)
