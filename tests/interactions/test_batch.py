"""How the entries of a batch run — http://hl7.org/fhir/R4/http.html#brules"""

import asyncio
from typing import Any

import pytest

from fhirserver.interactions.batch import Numbered, run_entries
from fhirserver.interactions.entries import BundleLimits
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Interaction, Target
from fhirserver.kernel.outcome import NotFound

LIMITS = BundleLimits(concurrent_reads=2, concurrent_creates=3)
NOBODY: Any = None
"""Stands for the repository, which these requests never reach."""


def numbered(*interactions: Interaction) -> list[Numbered]:
    requests = [FhirRequest(target=Target(one, "Patient"), base_url="http://x/fhir") for one in interactions]
    return [Numbered(index, request) for index, request in enumerate(requests)]


class Watch:
    """Runs requests, and notes how many of which interaction run at a time."""

    def __init__(self) -> None:
        self.running: list[Interaction] = []
        self.most: dict[Interaction, int] = {}

    async def run(self, request: FhirRequest, _: object) -> FhirResponse:
        interaction = request.target.interaction
        self.running.append(interaction)
        assert {*self.running} == {interaction}, "only entries of one kind run at once"
        self.most[interaction] = max(self.most.get(interaction, 0), len(self.running))
        await asyncio.sleep(0)
        self.running.remove(interaction)
        return FhirResponse(status=200)


async def test_neighbouring_reads_and_creates_run_together_and_others_alone() -> None:
    watch = Watch()
    kinds = [Interaction.READ] * 5 + [Interaction.CREATE] * 9 + [Interaction.UPDATE] * 3 + [Interaction.OPERATION] * 2
    responses = await run_entries(numbered(*kinds), watch.run, NOBODY, LIMITS)
    assert len(responses) == len(kinds)
    assert watch.most == {
        Interaction.READ: 2,
        Interaction.CREATE: 3,
        Interaction.UPDATE: 1,
        Interaction.OPERATION: 1,
    }


async def test_an_error_is_the_entrys_own() -> None:
    async def run(request: FhirRequest, _: object) -> FhirResponse:
        raise NotFound("It is not there.")

    responses = await run_entries(numbered(*[Interaction.READ] * 3), run, NOBODY, LIMITS)
    assert [response.status for response in responses] == [404] * 3


async def test_a_defect_passes_as_itself() -> None:
    async def run(request: FhirRequest, _: object) -> FhirResponse:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_entries(numbered(*[Interaction.CREATE] * 3), run, NOBODY, LIMITS)
