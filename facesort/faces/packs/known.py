"""Thresholds, licences and hashes of published weights, keyed by SHA-256 so that renamed folders are recognised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from facesort.faces.protocol import DetectorKind, Licence


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Thresholds to start from, as distances; see `ModelPack`."""

    strict: float
    loose: float
    calibrated: bool = True
    widest_loose: float | None = None
    measured_on: str = ""


UNCALIBRATED = Recommendation(0.80, 1.00, calibrated=False)
"""For weights that have not been measured."""

_DET_10G = "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91"
_DET_500M = "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a"
_DET_2500M = "041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9"
_SCRFD_2500M = "bc24bb349491481c3ca793cf89306723162c280cb284c5a5e49df3760bf5c2ce"
_YUNET_2026 = "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0"
_GLINTR100 = "4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf"
_AURAFACE = "a7933ea5330113b01c9b60351d8f4c33003f145d8470ac5f0e52ee2effe25c60"
_SFACE = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79"
_W600K_R50 = "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43"
_W600K_MBF = "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f"
_W600K_MBF_INT8 = "7caa7fb0ad6c37b33e6c59f6411084b487aaabd596bba645d2cce391a5871120"
_MOBILEFACENET_128 = "b7120c095d60094f28a4a54ba6a8bf51b297a6273fb40ef6350dfec1f63d9507"
_DLIB_POINTS = "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"
_DLIB_RESNET = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"

# By detector and recogniser.  Measured on LFW: 150 persons with one reference each, about 1,330 faces of others, 20
# draws.
# FPIR (strangers given a name) and FNIR (known faces missed) at LOOSE:
#   w600k_mbf_int8  0.07 % and  4.3 %;  w600k_mbf is the same network before quantisation
#   MobileFaceNet   0.00 % and 13.1 %;  at 1.05 it would be 0.27 % and 7.9 %
#   dlib            1.6  % and 17   % (one draw of 700 photos); at 0.40, which separates a dozen people
#                  well, it would be 22 % and 4 %
# The widest LOOSE of an event with groups: `benchmarks/groups.py`, LFW and photos of film and sports.
# Those of w600k_r50 are this project's choice, not measured.  A folder's name says nothing: one called buffalo_l may
# hold any files.
# Those behind YuNet: `benchmarks/packs.py`, 138 persons with one reference, five draws: of 2,230 strangers' and
# 2,070 known faces 0.0 % and 13.4 % (MobileFaceNet), 0.0 % and 5.9 % (int8), 1.3 % and 16.7 % (dlib).
_LFW = "998 photos of 376 people of LFW"
_THRESHOLDS: Mapping[tuple[DetectorKind, str], Recommendation] = MappingProxyType(
    {
        ("scrfd", _W600K_R50): Recommendation(0.80, 1.00),
        ("scrfd", _W600K_MBF): Recommendation(0.90, 1.10),
        ("scrfd", _W600K_MBF_INT8): Recommendation(0.90, 1.10, widest_loose=1.21),
        ("scrfd", _MOBILEFACENET_128): Recommendation(0.80, 1.00, widest_loose=1.12),
        ("dlib", _DLIB_RESNET): Recommendation(0.33, 0.35),
        ("yunet", _W600K_MBF_INT8): Recommendation(0.90, 1.10, True, 1.21, _LFW),
        ("yunet", _MOBILEFACENET_128): Recommendation(0.80, 1.00, True, 1.12, _LFW),
        ("yunet", _DLIB_RESNET): Recommendation(0.33, 0.35, True, None, _LFW),
    }
)

# Files of InsightFace's releases; other downloads are refused.
_EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        "det_10g.onnx": _DET_10G,
        "det_2.5g.onnx": _DET_2500M,
        "det_500m.onnx": _DET_500M,
        "scrfd_10g_bnkps.onnx": _DET_10G,
        "w600k_r50.onnx": _W600K_R50,
        "w600k_mbf.onnx": _W600K_MBF,
    }
)

_ZOO = "https://github.com/opencv/opencv_zoo/tree/main/models"
_INSIGHTFACE_SAYS = "https://github.com/deepinsight/insightface#license"

INSIGHTFACE = Licence("InsightFace's, for non-commercial research only", False, _INSIGHTFACE_SAYS)
"""For everything in its model zoo."""

UNKNOWN = Licence("unknown")
"""For files that nobody describes and facesort does not know."""

FREE = Licence("drawn by facesort itself", True)

_DLIB = Licence(
    "public domain (CC0)",
    True,
    "https://github.com/davisking/dlib-models",
    "FaceScrub, VGG Face and images from the web",
)
_DLIB_POINTS_FROM = "7,198 faces from the web, annotated by its publisher"
_YUNET = Licence("MIT", True, f"{_ZOO}/face_detection_yunet", "WIDER FACE")
_SFACE_LICENCE = Licence(
    "Apache-2.0",
    True,
    f"{_ZOO}/face_recognition_sface",
    "one or more of CASIA-WebFace, VGGFace2 and MS-Celeb-1M; not said which",
)
_AURAFACE_LICENCE = Licence(
    "Apache-2.0",
    True,
    "https://huggingface.co/fal/AuraFace-v1",
    "a commercial dataset from various sources, which are not named",
)
_FOAMLIU = Licence(
    "Apache-2.0",
    True,
    "https://github.com/foamliu/MobileFaceNet",
    "a refined MS-Celeb-1M of 85,164 people",
)

_LICENCES: Mapping[str, Licence] = MappingProxyType(
    {
        _DET_10G: INSIGHTFACE,
        _DET_500M: INSIGHTFACE,
        _DET_2500M: INSIGHTFACE,
        _SCRFD_2500M: INSIGHTFACE,
        _GLINTR100: INSIGHTFACE,
        _W600K_R50: INSIGHTFACE,
        _W600K_MBF: INSIGHTFACE,
        _W600K_MBF_INT8: INSIGHTFACE,
        _MOBILEFACENET_128: _FOAMLIU,
        _YUNET_2026: _YUNET,
        _SFACE: _SFACE_LICENCE,
        _AURAFACE: _AURAFACE_LICENCE,
        _DLIB_POINTS: replace(_DLIB, trained_on=_DLIB_POINTS_FROM),
        _DLIB_RESNET: _DLIB,
    }
)


def recommended_thresholds(sha256: str, detector: DetectorKind) -> Recommendation:
    """Thresholds for a recogniser; behind another kind of detector than they were measured with, only to start from.

    Another detector puts the eyes and the mouth elsewhere, so that two faces of a person are further apart or nearer.
    """
    if (known := _THRESHOLDS.get((detector, sha256))) is not None:
        return known
    others = (given for (_, told), given in _THRESHOLDS.items() if told == sha256)
    return replace(next(others, UNCALIBRATED), calibrated=False, measured_on="")


def licence_of(sha256: str) -> Licence:
    """What a file may be used for."""
    return _LICENCES.get(sha256, UNKNOWN)


def expected_hashes(names: Sequence[str]) -> dict[str, str]:
    """SHA-256 of the published files of these names, where known."""
    return {name: _EXPECTED[name] for name in names if name in _EXPECTED}
