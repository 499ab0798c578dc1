"""InsightFace's detector and recogniser, without the rest of InsightFace.

Its packages import all it has: face swapping, liveness, downloads, and for them requests, scikit-image and SciPy.  That
took more than a third of the start of every worker, and none of it is used here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

_PACKAGE = "insightface"
_ALIGNMENT = f"{_PACKAGE}.utils.face_align"  # by scikit-image; facesort aligns by itself


@contextmanager
def _bare_packages() -> Iterator[None]:
    """Packages whose modules can be imported, but which import nothing themselves; nothing of them is left behind."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ImportError(f"No module named {_PACKAGE!r}", name=_PACKAGE)
    try:
        for name in (_PACKAGE, f"{_PACKAGE}.model_zoo", f"{_PACKAGE}.utils"):
            spec = ModuleSpec(name, None, is_package=True)
            folder = Path(found.origin).parent.joinpath(*name.split(".")[1:])
            spec.submodule_search_locations = [str(folder)]
            sys.modules[name] = module_from_spec(spec)
        sys.modules[_ALIGNMENT] = ModuleType(_ALIGNMENT)
        yield
    finally:
        for name in list(sys.modules):
            if name.partition(".")[0] == _PACKAGE:
                del sys.modules[name]


if TYPE_CHECKING or _PACKAGE in sys.modules:  # somebody uses it, and has paid for it
    from insightface.model_zoo import SCRFD as SCRFD, ArcFaceONNX as ArcFaceONNX
else:
    with _bare_packages():
        SCRFD = import_module(f"{_PACKAGE}.model_zoo.scrfd").SCRFD
        ArcFaceONNX = import_module(f"{_PACKAGE}.model_zoo.arcface_onnx").ArcFaceONNX
