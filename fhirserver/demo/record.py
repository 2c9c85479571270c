"""The whole record: the networks first, then household after household."""

from collections.abc import Iterator
from typing import Any

from fhirserver.demo.agenda import schedules
from fhirserver.demo.bundle import packed, transaction
from fhirserver.demo.chart import Chart, World
from fhirserver.demo.claims import claimed
from fhirserver.demo.comorbidities import burden
from fhirserver.demo.network import networks
from fhirserver.demo.play import play
from fhirserver.demo.population import Case, households
from fhirserver.demo.registration import link, register
from fhirserver.demo.staff import hire, professionals
from fhirserver.kernel.resource import Resource


def bundles(patients: int = 220) -> Iterator[dict[str, Any]]:
    """Return R4 transaction Bundles: organisations, places, professionals and agendas, then the patients.

    The same number gives the same Bundles, and fewer patients are the first of more. Every entry is a PUT under a
    stable id; references are literal and point into the same or an earlier Bundle; decimals are ``Decimal``.
    """
    world = World(hire())
    for resources in networks():
        yield transaction(resources)
    for resources in professionals(world.directory):
        yield transaction(resources)
    for resources in schedules(world.directory):
        yield transaction(resources)
    for household in households(patients):
        yield from _household([burden(case) for case in household], world)


def _household(cases: list[Case], world: World) -> Iterator[dict[str, Any]]:
    charts = [Chart(case, world) for case in cases]
    yield transaction(_registered(charts))
    for chart in charts:
        yield from packed(claimed(group, chart.person.country) for group in play(chart))


def _registered(charts: list[Chart]) -> list[Resource]:
    registered = [claimed(register(chart), chart.person.country) for chart in charts]
    patients = {resources[0]["id"]: resources[0] for resources in registered}
    for chart, resources in zip(charts, registered, strict=True):
        for relative in chart.case.relatives:
            if relative.key in patients:
                name = f"{chart.person.key}-{relative.relation}"
                link(patients[relative.key], next(made for made in resources if made["id"] == name))
    return [made for resources in registered for made in resources]
