"""How the site is built: `make docs`.  A warning is an error there, and nothing is asked of the network."""

from __future__ import annotations

import sys
from pathlib import Path

import facesort

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "facesort"
author = "facesort contributors"
copyright = "facesort contributors, MIT"
version = release = facesort.__version__
html_title = f"facesort {release}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "generated",
    "repository_links",
]
exclude_patterns = ["_extensions", "_site"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_typehints = "none"  # numpydoc sections say the types, and units besides
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["facesort.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {"source_edit_link": "", "source_view_link": ""}
pygments_style = "friendly"
pygments_dark_style = "github-dark"

linkcheck_timeout = 20
linkcheck_ignore = [r"https?://(127\.0\.0\.1|localhost|nas|.*\.example\.com)"]
