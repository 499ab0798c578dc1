from __future__ import annotations

from xml.etree import ElementTree as ET

from facesort.core.delivery.regions import Region
from facesort.core.delivery.xmp import sidecar

AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
MICROSOFT = "{http://ns.microsoft.com/photo/1.2/t/Region#}"


def test_a_region_is_clipped_to_its_picture() -> None:
    assert Region.of("Ada", (-50, -20, 100, 400), (200, 200)) == Region("Ada", 0.0, 0.0, 0.5, 1.0)


def test_an_area_is_a_centre_in_one_form_and_a_corner_in_the_other() -> None:
    root = ET.fromstring(sidecar([Region("Ada", 0.25, 0.5, 0.5, 0.25)], (400, 300)))
    found = {e.tag.removeprefix(AREA): e.text for e in root.iter() if e.tag.startswith(AREA)}
    assert found == {
        "x": "0.500000",
        "y": "0.625000",
        "w": "0.500000",
        "h": "0.250000",
        "unit": "normalized",
    }
    (rectangle,) = root.iter(f"{MICROSOFT}Rectangle")
    assert rectangle.text == "0.250000, 0.500000, 0.500000, 0.250000"
