"""The built-in code systems as a source of definitions.

Spec: http://hl7.org/fhir/R4/terminologies-systems.html
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.builtin.countries import COUNTRIES, countries
from fhirserver.terminology.builtin.currencies import CURRENCIES, currencies
from fhirserver.terminology.builtin.language_tags import LANGUAGE_TAGS, LANGUAGES, LanguageTags, common_languages
from fhirserver.terminology.builtin.languages import ISO_639, languages, languages_version
from fhirserver.terminology.builtin.media_types import MEDIA_TYPES, MediaTypes
from fhirserver.terminology.builtin.time_zones import TIME_ZONES, time_zones
from fhirserver.terminology.builtin.units import UNITS, Units
from fhirserver.terminology.concepts import CodeSystem
from fhirserver.terminology.value_sets import ValueSet
from fhirserver.ucum import Ucum

Making = Callable[[], CodeSystem]


class Builtin:
    """Makes a code system when it is first asked for, and keeps it."""

    def __init__(self, ucum: Ucum) -> None:
        """Know units by ``ucum``."""
        self._makers: Final[Mapping[str, Making]] = MappingProxyType(
            {
                UNITS: lambda: Units(ucum),
                LANGUAGE_TAGS: LanguageTags,
                MEDIA_TYPES: MediaTypes,
                COUNTRIES: countries,
                CURRENCIES: currencies,
                TIME_ZONES: time_zones,
                **{url: _of_languages(url) for url in ISO_639},
            }
        )
        self._made: dict[str, CodeSystem] = {}
        self._value_sets: dict[str, ValueSet] = {}

    @property
    def urls(self) -> Sequence[str]:
        """The code systems that there are."""
        return tuple(self._makers)

    def versions(self) -> list[tuple[str, str]]:
        """Return the url and version of each code system, an empty one where it has none."""
        small = [(url, self.code_systems(url)[0].head.version or "") for url in self.urls if url not in ISO_639]
        return [*small, *((url, languages_version()) for url in ISO_639)]

    def code_systems(self, url: str) -> Sequence[CodeSystem]:
        """Return the one version of a code system that there is."""
        if url not in self._makers:
            return ()
        known = self._made.get(url)
        if known is None:
            known = self._made[url] = self._makers[url]()
        return (known,)

    def value_sets(self, url: str) -> Sequence[ValueSet]:
        """Return the value set of languages that stands for all language tags."""
        if url != LANGUAGES:
            return ()
        if url not in self._value_sets:
            self._value_sets[url] = ValueSet(common_languages())
        return (self._value_sets[url],)

    def supplements(self, url: str) -> Sequence[Resource]:
        """Return nothing: there are none."""
        return ()


def _of_languages(url: str) -> Making:
    return lambda: languages(url)
