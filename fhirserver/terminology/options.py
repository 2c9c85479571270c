"""What a request says of how to answer it: the parameters that expansion, validation and lookup share.

Spec: http://hl7.org/fhir/R4/valueset-operation-expand.html, http://hl7.org/fhir/R4/valueset-operation-validate-code.html;
parameters of later versions are named as these have them (``system-version``, ``default-valueset-version`` …).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from types import MappingProxyType
from typing import Final

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.languages import Languages, read_languages
from fhirserver.terminology.versions import Rules

MAX_EXPANSION: Final = 10_000
"""Concepts that one answer lists when the request does not say how many."""
_RULES: Final = MappingProxyType(
    {
        "system-version": "default",
        "default-valueset-version": "default",
        "check-system-version": "check",
        "check-valueset-version": "check",
        "force-system-version": "force",
        "force-valueset-version": "force",
    }
)
_FLAGS: Final = MappingProxyType(
    {
        "activeOnly": "active_only",
        "excludeNested": "excludes_nested",
        "excludeNotForUI": "excludes_abstract",
        "excludePostCoordinated": "excludes_expressions",
        "includeDesignations": "includes_designations",
        "includeDefinition": "includes_definition",
        "inferSystem": "infers_system",
        "lenient-display-validation": "is_lenient_on_display",
        "valueset-membership-only": "is_membership_only",
        "versionsMatch": "merges_versions",
        "abstract": "accepts_abstract",
    }
)
_LISTS: Final = MappingProxyType(
    {"property": "properties", "designation": "designations", "useSupplement": "supplements"}
)
_NUMBERS: Final = frozenset({"count", "offset"})
PROTOCOL: Final = ("tx-resource", "cache-id", "no-cache", "profile", "profile-url", "uuid", "diagnostics", "limit")
"""Parameters of HL7's terminology ecosystem that say nothing of the question itself."""
NAMES: Final = (
    *_RULES,
    *_FLAGS,
    *_LISTS,
    *sorted(_NUMBERS),
    "filter",
    "displayLanguage",
    "default-to-latest-version",
    *PROTOCOL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a question is to be answered; ``stated`` are the parameters that said so, in order."""

    rules: Rules = dataclass_field(default_factory=Rules)
    languages: Languages | None = None
    properties: tuple[str, ...] = ()
    designations: tuple[str, ...] = ()
    supplements: tuple[str, ...] = ()
    active_only: bool = False
    excludes_nested: bool = False
    excludes_abstract: bool = False
    excludes_expressions: bool = False
    includes_designations: bool = False
    includes_definition: bool = False
    infers_system: bool = False
    is_lenient_on_display: bool = False
    is_membership_only: bool = False
    merges_versions: bool | None = None
    """Whether a code is the same in all versions; left open, it is in what is excluded only."""
    accepts_abstract: bool = True
    text: str = ""
    """What someone typed to find concepts (``filter``)."""
    count: int | None = None
    offset: int = 0
    stated: tuple[Resource, ...] = ()

    @property
    def essence(self) -> str:
        """What distinguishes these options from others, as text."""
        return "" if not self.stated and self.languages is None else repr((self.stated, self.languages))


def read_options(parameters: Iterable[Resource], accept_language: str | None = None) -> Options:
    """Read the parameters of a request; raises BadSearchValue naming the one that cannot be read."""
    options = _with_languages(Options(), accept_language)
    rules: dict[str, dict[str, str]] = {"default": {}, "check": {}, "force": {}}
    for parameter in _unfolded(parameters):
        name = parameter["name"]
        if name in _RULES:
            url, bar, version = _text(parameter).partition("|")
            if not bar or not version:
                raise BadSearchValue(f"`{name}` is a canonical with a version.", expression=[f"http.{name}"])
            rules[_RULES[name]].setdefault(url, version)
        reading = _READING.get(name)
        if reading is not None:
            options = reading(options, parameter)
        if name in NAMES and name not in PROTOCOL:
            options = replace(options, stated=(*options.stated, parameter))
    return replace(options, rules=Rules(rules["default"], rules["check"], rules["force"]))


def with_defaults(options: Options, parameters: Iterable[Resource], language: str | None) -> Options:
    """Return options with what a value set states itself, its language too, where the request states nothing."""
    stated = {one["name"] for one in options.stated}
    missing = [one for one in parameters if one.get("name") not in stated]
    if missing:
        own = read_options((*options.stated, *missing))
        options = own if options.languages is None else replace(own, languages=options.languages)
    if options.languages is None and language is not None:
        options = _with_languages(options, language)
    return options


def _unfolded(parameters: Iterable[Resource]) -> Iterator[Resource]:
    """Yield parameters, those of a ``profile`` among them."""
    for parameter in parameters:
        yield parameter
        if parameter["name"] == "profile":
            yield from parameter.get("resource", {}).get("parameter", ())


def _text(parameter: Resource) -> str:
    values = [value for key, value in parameter.items() if key.startswith("value")]
    if len(values) != 1 or isinstance(values[0], dict | list):
        name = parameter["name"]
        raise BadSearchValue(f"`{name}` must have one simple value.", expression=[f"http.{name}"])
    return str(values[0]).lower() if isinstance(values[0], bool) else str(values[0])


def _flag(field: str) -> Callable[[Options, Resource], Options]:
    def reading(options: Options, parameter: Resource) -> Options:
        text = _text(parameter)
        if text not in ("true", "false"):
            name = parameter["name"]
            raise BadSearchValue(f"`{name}` is `true` or `false`.", expression=[f"http.{name}"])
        return replace(options, **{field: text == "true"})  # type: ignore[arg-type]

    return reading


def _listed(field: str) -> Callable[[Options, Resource], Options]:
    def reading(options: Options, parameter: Resource) -> Options:
        return replace(options, **{field: (*getattr(options, field), _text(parameter))})  # type: ignore[arg-type]

    return reading


def _number(field: str) -> Callable[[Options, Resource], Options]:
    def reading(options: Options, parameter: Resource) -> Options:
        text = _text(parameter)
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise BadSearchValue(f"`{field}` is a whole number.", expression=[f"http.{field}"])
        return replace(options, **{field: int(text)})  # type: ignore[arg-type]

    return reading


def _display_language(options: Options, parameter: Resource) -> Options:
    try:
        return replace(options, languages=read_languages(_text(parameter)))
    except ValueError:
        raise BadSearchValue(
            "`displayLanguage` is a list of languages, as `fr-BE, fr;q=0.8`.", expression=["http.displayLanguage"]
        ) from None


def _with_languages(options: Options, accept_language: str | None) -> Options:
    """Take the language of the request, where it can be read: it is a wish that any client may send."""
    if not accept_language:
        return options
    try:
        return replace(options, languages=read_languages(accept_language))
    except ValueError:
        return options


_READING: Final[Mapping[str, Callable[[Options, Resource], Options]]] = MappingProxyType(
    {
        **{name: _flag(field) for name, field in _FLAGS.items()},
        **{name: _listed(field) for name, field in _LISTS.items()},
        **{name: _number(name) for name in _NUMBERS},
        "displayLanguage": _display_language,
        "filter": lambda options, parameter: replace(options, text=_text(parameter)),
    }
)
