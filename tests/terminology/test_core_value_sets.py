"""Every value set of R4: what expands from the package, what by the registries, what is missing for the others.

Spec: http://hl7.org/fhir/R4/terminologies-valuesets.html
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.expansion import expand
from fhirserver.terminology.issues import TermError
from fhirserver.terminology.library import Library, Source
from fhirserver.terminology.options import Options
from fhirserver.terminology.packaged import Packaged

ALL: Final = 1316
FROM_THE_PACKAGE: Final = 1222
"""1,218 of which all is there, and four more that list codes of code systems that nobody has."""
BY_REGISTRIES: Final = {
    "all-distance-units", "all-languages", "all-time-units", "currencies", "iso3166-1-3", "iso3166-1-N", "mimetypes",
    "timezones", "ucum-units", "v3-HumanLanguage",
}  # fmt: skip
MISSING: Final = {
    "http://cancer.sanger.ac.uk/cancergenome/projects/cosmic": 1,
    "http://hl7.org/fhir/CodeSystem/task-code": 1,
    "http://hl7.org/fhir/ValueSet/dicom-cid29": 1,
    "http://hl7.org/fhir/ValueSet/usps-state": 1,
    "http://hl7.org/fhir/sid/cvx": 1,
    "http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem": 2,
    "http://loinc.org": 10,
    "http://nucc.org/provider-taxonomy": 1,
    "http://snomed.info/sct": 52,
    "http://varnomen.hgvs.org/": 1,
    "http://www.ama-assn.org/go/cpt": 1,
    "http://www.ebi.ac.uk/ipd/imgt/hla": 1,
    "http://www.ensembl.org": 2,
    "http://www.genenames.org": 1,
    "http://www.ncbi.nlm.nih.gov/clinvar": 1,
    "http://www.ncbi.nlm.nih.gov/nuccore": 1,
    "http://www.ncbi.nlm.nih.gov/projects/SNP": 1,
    "http://www.sequenceontology.org": 1,
    "https://precision.fda.gov/apps/": 1,
    "https://precision.fda.gov/files/": 1,
    "urn:iso:std:iso:11073:10101": 1,
    "urn:iso:std:iso:3166:-2": 1,
}
"""Of which code system or value set there is no definition, and how many value sets need it."""
NAMED: Final = re.compile(r"(?:CodeSystem|value Set) '([^']+)'")


@pytest.fixture(scope="module")
def urls(definitions: Definitions) -> list[str]:
    found = []
    for url in definitions.canonicals():
        resource = definitions.resource(url)
        if resource is not None and resource["resourceType"] == "ValueSet" and resource["url"] == url:
            found.append(url)
    return found


def _refusals(sources: Sequence[Source], urls: Sequence[str]) -> dict[str, str]:
    library, found = Library(sources), {}
    for url in urls:
        value_set = library.value_set(url)
        assert value_set is not None
        try:
            expand(library, value_set, Options())
        except TermError as problem:
            found[url] = problem.diagnostics
    return found


def test_the_package_alone(definitions: Definitions, urls: list[str]) -> None:
    assert len(urls) == ALL
    assert len(urls) - len(_refusals([Packaged(definitions)], urls)) == FROM_THE_PACKAGE


def test_with_registries_the_others_say_what_is_missing(
    definitions: Definitions, builtin: Builtin, urls: list[str]
) -> None:
    alone = _refusals([Packaged(definitions)], urls)
    refused = _refusals([builtin, Packaged(definitions)], urls)
    assert {url.rpartition("/")[2] for url in alone if url not in refused} == BY_REGISTRIES
    named = {url: NAMED.search(text) for url, text in refused.items()}
    assert [url for url, found in named.items() if found is None] == []
    assert Counter(found[1] for found in named.values() if found is not None) == MISSING
