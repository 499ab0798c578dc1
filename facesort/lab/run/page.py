"""A saved notebook as a self-contained web page without scripts.

The page's content security policy forbids scripts and network access.  Outputs of cells tagged ``faces`` are biometric
data: they are left out unless requested.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_notebook, new_output

from facesort.files import replace_file

FACES_TAG = "faces"

_LEFT_OUT = (
    "*Pictures of faces are left out of this page: none were requested. `-p contact_sheet 24` requests "
    "up to 24 of them.*"
)
_LIVE = "*Shown in the notebook only: it needs a running kernel.*"
# A browser shows these without scripts.
_STILL = ("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain")
_LIVE_MIME = ("application/vnd.jupyter.widget-view+json", "application/javascript")

_TEMPLATE = """
{%- extends 'basic/index.html.j2' -%}
{%- block header -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ resources.metadata.name | e }}</title>
<style>{{ resources.page_style }}</style>
</head>
<body>
<main>
{%- endblock -%}
{%- block input_group -%}
<details class="code"><summary>code</summary><pre>{{ cell.source | e }}</pre></details>
{%- endblock -%}
{%- block footer -%}
</main>
</body>
</html>
{%- endblock -%}
"""


def page_maker() -> HTMLExporter:
    """Read and compile the templates, which can be done while a notebook runs."""
    maker = HTMLExporter(
        template_name="basic",
        raw_template=_TEMPLATE,
        embed_images=True,
        extra_template_basedirs=[],  # the default is the current folder, and a template is code
    )
    maker.from_notebook_node(new_notebook())  # else they are read with the first page
    return maker


def save_page(notebook: Path, *, faces: bool, maker: HTMLExporter | None = None) -> Path:
    """Write a notebook's web page beside it.

    Parameters
    ----------
    notebook : Path
        A saved notebook; if it failed, the page shows the error.
    faces : bool
        Whether outputs of cells tagged ``faces`` are in the page.
    maker : HTMLExporter, optional
        That of `page_maker`.

    Returns
    -------
    Path
        The ``.html`` file, readable by its owner only.

    Raises
    ------
    OSError, ValueError
        If the notebook cannot be read, or the page cannot be written.
    """
    shown = still(nbformat.read(notebook, as_version=4), faces=faces)
    style = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    resources = {"metadata": {"name": notebook.stem}, "page_style": style}
    body, _ = (maker or page_maker()).from_notebook_node(shown, resources=resources)
    page = notebook.with_suffix(".html")
    replace_file(page, body.encode(), durable=False)
    return page


def still(notebook: NotebookNode, *, faces: bool) -> NotebookNode:
    """Copy a notebook, keeping what a page without scripts can show, and faces only if requested."""
    copy = deepcopy(notebook)
    copy.metadata.pop("widgets", None)
    for cell in copy.cells:
        if cell.cell_type != "code":
            continue
        if FACES_TAG in cell.metadata.get("tags", ()) and not faces and _has_picture(cell.outputs):
            cell.outputs = [_sentence(_LEFT_OUT)]
        else:
            cell.outputs = [_still_output(output) for output in cell.outputs]
    return copy


def _has_picture(outputs: list[NotebookNode]) -> bool:
    """Whether there is more than text; a text explains by itself why there is no picture."""
    return any(set(output.get("data", ())) - {"text/markdown", "text/plain"} for output in outputs)


def _still_output(output: NotebookNode) -> NotebookNode:
    data: dict[str, Any] = output.get("data", {})
    if any(mime in data for mime in _LIVE_MIME):
        return _sentence(_LIVE)
    if "data" in output:
        output.data = {mime: data[mime] for mime in _STILL if mime in data}
    return output


def _sentence(text: str) -> NotebookNode:
    output: NotebookNode = new_output("display_data", {"text/markdown": text})
    return output
