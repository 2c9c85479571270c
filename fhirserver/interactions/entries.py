"""The envelope of an incoming batch or transaction: its structure checked, its resources left as their own bytes.

Spec: http://hl7.org/fhir/R4/bundle.html, http://hl7.org/fhir/R4/http.html#transaction
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NoReturn

import msgspec

from fhirserver.codec.fhir_json import parse_resource
from fhirserver.kernel.exchange import Interaction
from fhirserver.kernel.outcome import BadStructure, Issue, TooLong, Unprocessable
from fhirserver.kernel.resource import Resource
from fhirserver.repository.judging import errors_of
from fhirserver.validation.structure import StructureValidator

_PLACE: Final = re.compile(r"`\$(?P<place>[^`]*)`")
_SAME_URLS: Final = "bdl-7"
"""Two entries of one ``fullUrl``: transactions name both, and in a batch they do not matter to each other."""
_ENTRY: Final = re.compile(r"Bundle\.entry\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class BundleLimits:
    """How much one Bundle may ask for."""

    max_entries: int = 5000
    concurrent_reads: int = 8
    concurrent_creates: int = 32
    """They share an insert; more at a time would hold up other requests while they are validated."""


class EntryRequest(msgspec.Struct, frozen=True, rename="camel"):
    """``Bundle.entry.request``."""

    method: str = ""
    url: str = ""
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_match: str | None = None
    if_none_exist: str | None = None


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """One entry, its resource undecoded."""

    full_url: str | None = None
    resource: msgspec.Raw = msgspec.Raw(b"")
    request: EntryRequest | None = None

    @property
    def is_head(self) -> bool:
        """Whether the entry asks for everything but the resource."""
        return self.request is not None and self.request.method == "HEAD"


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    resource_type: str
    type: str = ""
    entry: tuple[Entry, ...] = ()


class _Kind(msgspec.Struct, frozen=True, rename="camel"):
    resource_type: str = ""
    type: str = ""


_envelope: Final = msgspec.json.Decoder(_Envelope)
_kind: Final = msgspec.json.Decoder(_Kind)


def bundle_interaction(body: bytes) -> Interaction:
    """Tell which interaction a Bundle posted to the base is; raises BadStructure when it is neither."""
    try:
        found = _kind.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        parse_resource(body)  # says what is wrong with the JSON
        found = _Kind()
    if found.resource_type != "Bundle":
        raise BadStructure("The base takes a Bundle of type `batch` or `transaction`.", expression=["resourceType"])
    if found.type not in ("batch", "transaction"):
        raise BadStructure("`Bundle.type` must be `batch` or `transaction` here.", expression=["Bundle.type"])
    return Interaction(found.type)


@dataclass(frozen=True, slots=True)
class Incoming:
    """The entries of a Bundle, and what is wrong with the structure of single ones."""

    entries: tuple[Entry, ...]
    resources: tuple[Resource | None, ...]
    """The resources of the entries, decoded; their bytes are in the entries."""
    issues: Mapping[int, Sequence[Issue]]

    def check(self, index: int) -> None:
        """Refuse an entry whose structure is wrong; raises Unprocessable with places within the Bundle."""
        if index in self.issues:
            raise _broken(self.issues[index])

    def check_all(self) -> None:
        """Refuse a Bundle of which any entry is wrong."""
        if self.issues:
            raise _broken([issue for index in sorted(self.issues) for issue in self.issues[index]])


@dataclass(frozen=True, slots=True)
class BundleReader:
    """Reads Bundles within limits."""

    validator: StructureValidator
    limits: BundleLimits

    def read(self, body: bytes) -> Incoming:
        """Read a Bundle; raises BadStructure naming the place, Unprocessable, TooLong over the limit."""
        bundle = parse_resource(body)
        try:
            entries = _envelope.decode(bundle.raw).entry
        except msgspec.ValidationError as error:
            _refuse_structure(error)
        if len(entries) > self.limits.max_entries:
            raise TooLong(f"The Bundle has {len(entries)} entries; at most {self.limits.max_entries} are accepted.")
        resources = tuple(entry.get("resource") for entry in bundle.value.get("entry", ()))
        return Incoming(entries, resources, self._issues(bundle.value))

    def _issues(self, bundle: Resource) -> Mapping[int, Sequence[Issue]]:
        """Validate all but the resources, which are validated as they are written."""
        found: dict[int, list[Issue]] = {}
        for issue in errors_of(self.validator.validate(_without_resources(bundle), "Bundle")):
            if issue.rule is not None and issue.rule.key == _SAME_URLS:
                continue
            place = _ENTRY.match(issue.expression[0]) if issue.expression else None
            if place is None:
                raise _broken([issue])
            named = tuple(dict.fromkeys((*issue.expression, place[0])))
            found.setdefault(int(place[1]), []).append(replace(issue, expression=named))
        return found


def _without_resources(bundle: Resource) -> Resource:
    entries = [
        {name: value for name, value in entry.items() if name != "resource"} or {"fullUrl": "urn:nothing:else"}
        for entry in bundle.get("entry", ())
    ]
    envelope = {name: value for name, value in bundle.items() if name != "entry"}
    return {**envelope, "entry": entries} if entries else envelope


def _broken(issues: Sequence[Issue]) -> Unprocessable:
    return Unprocessable("The Bundle breaks the FHIR definitions.", issues=issues)


def _refuse_structure(error: msgspec.ValidationError) -> NoReturn:
    found = _PLACE.search(str(error))
    place = "Bundle" + (found["place"] if found else "")
    raise BadStructure(f"`{place}` has a value of the wrong JSON type.", expression=[place]) from None
