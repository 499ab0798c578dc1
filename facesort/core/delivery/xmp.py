"""Who is seen, as XMP: regions of a picture in the two forms that photo programs read, and markers of a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from xml.etree import ElementTree as ET

from facesort.core.delivery.regions import Region
from facesort.core.text.foreign_text import xml_text

# Prefixes are written out, since ElementTree registers them for the whole process.
_NAMESPACES: Mapping[str, str] = MappingProxyType(
    {
        "xmlns:mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
        "xmlns:stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
        "xmlns:stArea": "http://ns.adobe.com/xmp/sType/Area#",
        "xmlns:MP": "http://ns.microsoft.com/photo/1.2/",
        "xmlns:MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
        "xmlns:MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    }
)
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def sidecar(regions: Sequence[Region], size: tuple[int, int]) -> bytes:
    """Make an XMP file with the regions of one picture.

    In two forms, because no program reads both: as ``mwg-rs`` (Metadata Working Group, "Guidelines for handling image
    metadata" 2.0; an area is its centre and its size) and as Microsoft's ``MP`` (an area is its corner and its
    size).

    Parameters
    ----------
    regions : sequence of Region
    size : tuple of (width, height)
        In px, of the picture that the file belongs to.

    Returns
    -------
    bytes
        XML, UTF-8.
    """
    root, about = _description(_NAMESPACES)
    group = _struct(about, "mwg-rs:Regions")
    width, height = size
    _texts(
        _struct(group, "mwg-rs:AppliedToDimensions"),
        {"stDim:w": width, "stDim:h": height, "stDim:unit": "pixel"},
    )
    areas = ET.SubElement(ET.SubElement(group, "mwg-rs:RegionList"), "rdf:Bag")
    rectangles = ET.SubElement(
        ET.SubElement(_struct(about, "MP:RegionInfo"), "MPRI:Regions"), "rdf:Bag"
    )
    for region in regions:
        _add_mwg(areas, region)
        _texts(
            _struct(rectangles, "rdf:li"),
            {
                "MPReg:Rectangle": ", ".join(
                    f"{value:.6f}"
                    for value in (region.left, region.top, region.width, region.height)
                ),
                "MPReg:PersonDisplayName": region.name,
            },
        )
    return _checked(root)


def markers(seen: Mapping[str, Sequence[tuple[int, int]]]) -> bytes:
    """Make an XMP file with a track of markers for each person of a clip, as video editors read it (``xmpDM``).

    Parameters
    ----------
    seen : mapping of name to sequence of (start, end)
        In ms from the first frame.

    Returns
    -------
    bytes
        XML, UTF-8.
    """
    root, about = _description({"xmlns:xmpDM": "http://ns.adobe.com/xmp/1.0/DynamicMedia/"})
    tracks = ET.SubElement(ET.SubElement(about, "xmpDM:Tracks"), "rdf:Bag")
    for name, times in seen.items():
        track = _struct(tracks, "rdf:li")
        _texts(track, {"xmpDM:trackName": name, "xmpDM:frameRate": "f1000"})
        marks = ET.SubElement(ET.SubElement(track, "xmpDM:markers"), "rdf:Seq")
        for start, end in times:
            told = {"startTime": start, "duration": end - start, "name": name, "type": "Comment"}
            _texts(_struct(marks, "rdf:li"), {f"xmpDM:{tag}": text for tag, text in told.items()})
    return _checked(root)


def _description(namespaces: Mapping[str, str]) -> tuple[ET.Element, ET.Element]:
    """The document, and the part of it that holds what is told."""
    root = ET.Element("x:xmpmeta", {"xmlns:x": "adobe:ns:meta/"})
    rdf = ET.SubElement(root, "rdf:RDF", {"xmlns:rdf": _RDF})
    return root, ET.SubElement(rdf, "rdf:Description", {"rdf:about": "", **namespaces})


def _checked(root: ET.Element) -> bytes:
    ET.indent(root, " ")
    data = bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
    # ElementTree writes what it would not read: nothing is delivered that no program can open.
    ET.fromstring(data)
    return data


def _add_mwg(areas: ET.Element, region: Region) -> None:
    item = _struct(areas, "rdf:li")
    _texts(
        _struct(item, "mwg-rs:Area"),
        {
            "stArea:x": f"{region.left + region.width / 2:.6f}",
            "stArea:y": f"{region.top + region.height / 2:.6f}",
            "stArea:w": f"{region.width:.6f}",
            "stArea:h": f"{region.height:.6f}",
            "stArea:unit": "normalized",
        },
    )
    _texts(item, {"mwg-rs:Type": "Face", "mwg-rs:Name": region.name})


def _struct(parent: ET.Element, tag: str) -> ET.Element:
    return ET.SubElement(parent, tag, {"rdf:parseType": "Resource"})


def _texts(parent: ET.Element, values: Mapping[str, object]) -> None:
    for tag, value in values.items():
        ET.SubElement(parent, tag).text = xml_text(str(value))
