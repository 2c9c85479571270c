"""The demo record meets the profiles that it claims, as a write by the policy that is the default would ask."""

from collections import Counter

from fhirserver.app.sites import Site
from fhirserver.codec.fhir_json import parse_json
from fhirserver.demo import render
from fhirserver.kernel.resource import Resource
from fhirserver.repository.judging import errors_of, judge
from fhirserver.settings import Validation


async def test_the_policy_accepts_every_resource(site: Site, resources: list[Resource]) -> None:
    services = site.live.now
    assert services.validation.kind is Validation.DECLARED
    found: Counter[tuple[str, str]] = Counter()
    for resource in resources:
        kind = resource["resourceType"]
        issues = judge(services, parse_json(render(resource)), kind)
        found.update((kind, f"{issue.rule} {issue.diagnostics}") for issue in errors_of(issues))
    assert found == Counter()
