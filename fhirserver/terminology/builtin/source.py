"""The built-in code systems as a source of definitions.

Spec: http://hl7.org/fhir/R4/terminologies-systems.html
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.builtin.countries import COUNTRIES, countries
from fhirserver.terminology.builtin.currencies import CURRENCIES, currencies
from fhirserver.terminology.builtin.language_tags import (
    LANGUAGE_TAGS,
    LANGUAGES,
    LanguageTags,
    common_languages,
    registry,
)
from fhirserver.terminology.builtin.languages import ISO_639, languages, languages_version
from fhirserver.terminology.builtin.media_types import MEDIA_TYPES, MediaTypes
from fhirserver.terminology.builtin.time_zones import TIME_ZONES, time_zones
from fhirserver.terminology.builtin.units import UNITS, Units, comparable_units
from fhirserver.terminology.concepts import CodeSystem
from fhirserver.terminology.value_sets import ValueSet
from fhirserver.ucum import Ucum

Maker = Callable[[], CodeSystem]
_VALUE_SET: Final = "ValueSet"


class Builtin:
    """Makes a code system when it is first asked for, and keeps it."""

    def __init__(self, ucum: Ucum) -> None:
        """Know units by ``ucum``."""
        self.ucum = ucum
        self._makers: Final[Mapping[str, Maker]] = MappingProxyType(
            {
                UNITS: lambda: Units(ucum),
                LANGUAGE_TAGS: lambda: LanguageTags(registry()),
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
        large = {LANGUAGE_TAGS, *ISO_639}
        small = [(url, self.code_systems(url)[0].head.version or "") for url in self.urls if url not in large]
        return [*small, (LANGUAGE_TAGS, ""), *((url, languages_version()) for url in ISO_639)]

    def has_made(self, kind: str, url: str) -> bool:
        """Tell whether a definition is made, or there is none to make: it takes up to some hundred milliseconds."""
        if kind == _VALUE_SET:
            return url != LANGUAGES or url in self._value_sets
        return url not in self._makers or url in self._made

    def make(self, kind: str, url: str) -> None:
        """Make a definition; any thread may."""
        _ = self.value_sets(url) if kind == _VALUE_SET else self.code_systems(url)

    def code_systems(self, url: str) -> Sequence[CodeSystem]:
        """Return the one version of a code system that there is."""
        if url not in self._makers:
            return ()
        known = self._made.get(url)
        if known is None:
            known = self._made[url] = self._makers[url]()
        return (known,)

    def value_sets(self, url: str) -> Sequence[ValueSet]:
        """Return the value set of languages that stands for all language tags; of units that compare with a unit."""
        if url != LANGUAGES:
            found = comparable_units(self.ucum, url)
            return () if found is None else (found,)
        if url not in self._value_sets:
            self._value_sets[url] = ValueSet(common_languages())
        return (self._value_sets[url],)

    def supplements(self, url: str) -> Sequence[Resource]:
        """Return nothing: there are none."""
        return ()


def _of_languages(url: str) -> Maker:
    return lambda: languages(url)
