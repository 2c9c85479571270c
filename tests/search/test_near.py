"""Location.near — http://hl7.org/fhir/R4/location.html#positional"""

import pytest

from fhirserver.kernel.outcome import BadRequest, BadSearchValue
from fhirserver.kernel.resource import Resource
from fhirserver.search.values.special import EARTH_RADIUS_M, distance_m
from tests.door import Door, Selects


def location(name: str, *position: float) -> Resource:
    place = {"position": dict(zip(("latitude", "longitude"), position, strict=True))} if position else {}
    return {"resourceType": "Location", "id": name, **place}


PLACES = {
    "brussels": (50.8467, 4.3525),
    "ghent": (51.0543, 3.7174),
    "paris": (48.8566, 2.3522),
    "greenwich": (51.4779, 0.0),
    "fiji-west": (-17.0, 179.99),
    "fiji-east": (-17.0, -179.99),
    "pole": (89.99, 0.0),
    "pole-far-side": (89.99, 180.0),
    "null-island": (0, 0),
}
RESOURCES = [*(location(name, *place) for name, place in PLACES.items()), location("nowhere")]

CASES = [
    pytest.param("50.8467|4.3525|1|km", "brussels", id="latitude|longitude|distance|units"),
    pytest.param("50.85|4.35|51|km", "brussels ghent", id="within a radius"),
    pytest.param("50.85|4.35|1000|m", "brussels", id="in metres"),
    pytest.param("50.85|4.35|32|[mi_us]", "brussels ghent", id="in US miles"),
    pytest.param("50.85|4.35|51", "brussels ghent", id="if the units are omitted, then kms should be assumed"),
    pytest.param("50.83|4.4", "brussels", id="if the distance is omitted, the server decides: 50 km"),
    pytest.param("50.83|4.4||km", "brussels", id="an empty distance"),
    pytest.param("50.8467|4.3525|0|km", "brussels", id="no distance at all"),
    pytest.param("-17|180|5|km", "fiji-east fiji-west", id="across the antimeridian"),
    pytest.param("90|0|5|km", "pole pole-far-side", id="around a pole"),
    pytest.param("89.99|0|3|km", "pole pole-far-side", id="across a pole"),
    pytest.param("0|0|1|km", "null-island", id="zero is a position"),
    pytest.param("50.85|4.35|20100|km", " ".join(sorted(PLACES)), id="the whole Earth"),
    pytest.param("50.85|4.35|1000000|km", " ".join(sorted(PLACES)), id="more than the whole Earth"),
    pytest.param("48.86|2.35|5|km,51.05|3.72|5|km", "ghent paris", id="or"),
    pytest.param("50.85|4.35|51|km&near=51.05|3.72|5|km", "ghent", id="and"),
    pytest.param("5.085e1|0.435e1|51|km", "brussels ghent", id="exponents"),
]


@pytest.mark.parametrize(("value", "expected"), CASES)
async def test_near(selects: Selects, value: str, expected: str) -> None:
    assert await selects(f"Location?near={value}") == expected


@pytest.mark.parametrize("margin", [0.999, 1.001])
@pytest.mark.parametrize("place", ["ghent", "paris", "greenwich", "fiji-west", "pole", "null-island"])
async def test_the_edge_of_the_circle(selects: Selects, place: str, margin: float) -> None:
    metres = distance_m(PLACES["brussels"], PLACES[place]) * margin
    found = (await selects(f"Location?near=50.8467|4.3525|{metres:f}|m")).split()
    assert (place in found) is (margin > 1)


async def test_the_distance_is_that_on_a_sphere() -> None:
    assert distance_m((0, 0), (0, 180)) == pytest.approx(EARTH_RADIUS_M * 3.14159265)
    assert distance_m(PLACES["brussels"], PLACES["ghent"]) == pytest.approx(50_120, rel=0.01)


async def test_missing(selects: Selects) -> None:
    assert await selects("Location?near:missing=true") == "nowhere"
    assert await selects("Location?near:missing=false") == " ".join(sorted(PLACES))


@pytest.mark.parametrize(
    "value",
    ["50.85", "50.85|4.35|1|furlong", "91|0|1|km", "0|181|1|km", "x|0|1", "0|0|-1|km", "0|0|1|km|x", "NaN|0", "0|inf"],
)
async def test_what_is_no_place_is_refused(door: Door, value: str) -> None:
    with pytest.raises(BadSearchValue):
        await door.search(f"Location?near={value}")


async def test_a_modifier_is_rejected(door: Door) -> None:
    with pytest.raises(BadRequest):
        await door.search("Location?near:below=0|0|1|km", lenient=True)
