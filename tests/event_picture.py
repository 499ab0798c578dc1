"""A page that shows a source beside the folders that a sort made of it."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path

from PIL import Image

_STYLE = """
body { margin: 0; background: #fff; color: #1f2328; font: 15px/1.4 "DejaVu Sans", "Liberation Sans", sans-serif }
main { display: grid; grid-template-columns: 404px 44px 1fr; padding: 20px; width: 1052px }
h1 { font-size: 17px; margin: 0 0 10px } h1 small { font-weight: normal; color: #57606a }
img { display: block; border-radius: 4px }
.source { display: grid; grid-template-columns: repeat(4, 96px); gap: 6px }
.source img { width: 96px; height: 64px }
.arrow { font-size: 34px; align-self: center; text-align: center; color: #57606a }
.folder { display: grid; grid-template-columns: 84px 1fr; align-items: center; margin-bottom: 10px }
.folder b { font-weight: 600 } .folder small { display: block; color: #57606a }
.folder div { display: flex; gap: 6px } .folder img { width: 78px; height: 52px }
"""


def event_picture(source: Path, output: Path, page: Path) -> Path:
    """Write the page; its pictures are the files themselves, made smaller."""
    photos = sorted(path for path in source.rglob("*") if path.is_file())
    folders = sorted(path for path in output.iterdir() if path.is_dir())
    rows = []
    for folder in folders:
        files = sorted(folder.iterdir())
        name = f"<b>{escape(folder.name)}/</b><small>{len(files)} photos</small>"
        rows.append(
            f'<div class="folder"><span>{name}</span><div>{"".join(map(_img, files))}</div></div>'
        )
    page.write_text(
        f"<!DOCTYPE html><meta charset=utf-8><style>{_STYLE}</style><main>"
        f"<section><h1>The card <small>{len(photos)} photos, only read</small></h1>"
        f'<div class="source">{"".join(map(_img, photos))}</div></section>'
        f'<div class="arrow">&#10140;</div><section><h1>One folder per person '
        f"<small>group photos in several</small></h1>{''.join(rows)}</section></main>",
        encoding="utf-8",
    )
    return page


def _img(path: Path) -> str:
    with Image.open(path) as image:
        small = image.resize((192, 128), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "PNG")
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img src="data:image/png;base64,{data}">'
