"""Whether a code is in a value set, decided from the definition of the set: nothing is expanded.

Spec: http://hl7.org/fhir/R4/valueset.html#compositions, http://hl7.org/fhir/R4/valueset-operation-validate-code.html
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Final

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.outcome import Severity
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version_order import order_key
from fhirserver.terminology.asked import Asked, Coding, Verdict, ways_to_say
from fhirserver.terminology.concepts import CodeSystem, Concept, Head, UnknownFilter
from fhirserver.terminology.expressions.concepts import Expressed, are_passed, found_in
from fhirserver.terminology.filters import Test, test_of
from fhirserver.terminology.issues import BadDefinition, issue, refusal
from fhirserver.terminology.library import Definitions, Library
from fhirserver.terminology.options import Options
from fhirserver.terminology.remarks import (
    note_use,
    say_deprecated,
    say_expression,
    say_normal_form,
    say_other_version,
    say_refused_version,
    say_status,
    say_undecided,
    say_unknown,
    say_unknown_code,
)
from fhirserver.terminology.value_sets import Part, ValueSet
from fhirserver.terminology.versions import is_more_detailed, listed

_COMPLETE: Final = "complete"


class Checker:
    """Checks codes against one value set; the definitions it needs are looked up when it is made."""

    def __init__(
        self, library: Definitions, value_set: ValueSet, options: Options, within: tuple[str, ...] = ()
    ) -> None:
        """Prepare ``value_set`` and all that it imports; raises TermError, BadDefinition."""
        self._library = library
        self.value_set = value_set
        self.options = options
        self._path = (*within, value_set.place)
        self._imported: dict[str, Checker] = {}
        self._tests: dict[tuple[str, str | None], tuple[Test, ...]] = {}
        for part in (*value_set.includes, *value_set.excludes):
            self._prepare(part)
        if not within:
            self._check_supplements()

    def check(self, asked: Asked) -> Verdict:
        """Tell whether a code is in the value set, and why not."""
        if not asked.coding.system:
            system = self._infer(asked)
            if system is None:
                return False
            asked.finding.implied_system = system
            asked = asked.of_system(system)
        if self.value_set.compose is None:
            return self._is_stated(asked)
        verdict = self._is_included(asked)
        return verdict and not any(self._excludes(part, asked) for part in self.value_set.excludes)

    def has(self, system: str, code: str) -> bool:
        """Tell whether a code is in the value set, with no word on why not."""
        return self.check(Asked.quietly(Coding(code, system))) is True

    def find(self, url: str, version: str | None) -> CodeSystem | None:
        """Return a version of a code system with the supplements that are asked for."""
        return self._library.code_system(url, version, self._supplements)

    @cached_property
    def implied_versions(self) -> Mapping[str, str]:
        """The version of each code system that the includes name, the last of several."""
        found: dict[str, str] = {}
        for part in self.value_set.includes:
            if part.system and part.version:
                found[part.system] = max(found.get(part.system, part.version), part.version, key=order_key)
        return MappingProxyType(found)

    @cached_property
    def _newest_first(self) -> Sequence[Part]:
        return sorted(self.value_set.includes, key=lambda one: order_key(one.version), reverse=True)

    @cached_property
    def _supplements(self) -> frozenset[str]:
        return frozenset(self.options.supplements) | self.value_set.supplements

    def _prepare(self, part: Part) -> None:
        for reference in part.value_sets:
            if reference not in self._imported:
                value_set = imported(self._library, self.value_set, reference, self.options)
                if value_set.place in self._path:
                    raise circular(value_set.place, self._path)
                self._imported[reference] = Checker(self._library, value_set, self.options, self._path)
        if part.system is not None and part.filters:
            system = self.find(part.system, self.options.rules.choose(part.system, part.version))
            if system is not None:
                self._tests_of(part, system)

    def _tests_of(self, part: Part, system: CodeSystem) -> tuple[Test, ...]:
        """Return what tells whether the filters of a part hold; raises BadDefinition."""
        key = (part.path, system.head.version)
        known = self._tests.get(key)
        if known is None:
            known = self._tests[key] = tuple(self._made(part, system))
        return known

    def _made(self, part: Part, system: CodeSystem) -> Iterator[Test]:
        for number, wanted in enumerate(part.filters):
            try:
                yield test_of(system, wanted)
            except UnknownFilter:
                raise not_understood(part, self.value_set, number) from None

    def _check_supplements(self) -> None:
        """Refuse to go on without a supplement that is needed."""
        checkers = list(self._all())
        needed = frozenset(self.options.supplements).union(*(one.value_set.supplements for one in checkers))
        if not needed:
            return
        parts = [(checker, part) for checker in checkers for part in checker.value_set.includes if part.system]
        systems = [checker.find(str(part.system), part.version) for checker, part in parts]
        used = {one for system in systems if system is not None for one in system.head.supplements}
        missing = sorted(needed - used - {parse_canonical(one).url for one in used})
        if missing:
            raise BadDefinition(issue("VALUESET_SUPPLEMENT_MISSING", Severity.ERROR, supplement=",".join(missing)))

    def _all(self) -> Iterator["Checker"]:
        yield self
        for checker in self._imported.values():
            yield from checker._all()

    def _infer(self, asked: Asked) -> str | None:
        """Return the one code system of the value set that has a code, if the request wants that; say if not."""
        report, coding = asked.report, asked.coding
        if not self.options.infers_system:
            report.warning("Coding_has_no_system__cannot_validate", asked.path, is_told=True)
            return None
        candidates = {part.system for checker in self._all() for part in checker.value_set.includes if part.system}
        found = [url for url in sorted(candidates) if self.has(url, coding.code)]
        if len(found) == 1:
            return found[0]
        facts: dict[str, object] = {"code": coding.code, "value_set": self.value_set.canonical}
        if found:
            several = "Unable_to_resolve_system__value_set_has_multiple_matches"
            report.error(several, "code", systems=", ".join(found), **facts)
        else:
            report.error("UNABLE_TO_INFER_CODESYSTEM", "code", **facts)
        return None

    def _is_included(self, asked: Asked) -> Verdict:
        picked = self._picked_version(asked.coding)
        for part in self._newest_first:
            if part.system is not None and not self._is_meant(part, asked.coding, picked):
                continue
            verdict: Verdict = True if part.system is None else self._is_selected(part, asked)
            if verdict and part.value_sets:
                verdict = _any(self._ask(self._imported[one], asked) for one in part.value_sets)
            if verdict is not False:
                return verdict
        return False

    def _ask(self, checker: "Checker", asked: Asked) -> Verdict:
        say_status(asked.report, "ValueSet", checker.value_set.canonical, checker.value_set, self.value_set)
        return checker.check(asked)

    def _is_meant(self, part: Part, coding: Coding, picked: str | None) -> bool:
        """Tell whether an include is about the code system of a coding, and its version where others are of others."""
        if part.system != coding.system or (picked is not None and part.version != picked):
            return False
        if not coding.version or part.version == coding.version:
            return True
        return not any(one.version == coding.version for one in self.value_set.includes if one.system == coding.system)

    def _picked_version(self, coding: Coding) -> str | None:
        """Return which of several included versions of a code system has a code that comes with no version."""
        if coding.version or len(self.value_set.includes) < 2:
            return None
        versions = {one.version for one in self.value_set.includes if one.system == coding.system and one.version}
        if len(versions) < 2:
            return None
        having = [one for one in versions if self._says(self.find(str(coding.system), one), coding)]
        return None if len(having) == len(versions) else max(having or versions, key=order_key)

    def _says(self, system: CodeSystem | None, coding: Coding) -> bool:
        concept = None if system is None else system.find(coding.code)
        if concept is None or system is None:
            return False
        return not coding.display or any(one.value == coding.display for one in ways_to_say(system.head, concept))

    def _is_selected(self, part: Part, asked: Asked) -> Verdict:
        """Tell whether the system of an include, with its list or filters, has a code."""
        version = self._version(part, asked)
        system = self.find(str(part.system), version)
        if system is None:
            if self.options.is_membership_only:
                return False
            say_unknown(self._library, asked.report, str(part.system), version, asked.path)
            return None
        say_refused_version(asked.report, asked.path, system, self.options)
        say_status(asked.report, "CodeSystem", system.head.canonical, system.head, self.value_set)
        return self._has(part, system, asked)

    def _version(self, part: Part, asked: Asked) -> str | None:
        """Return which version of its code system an include means for a coding, and say where they disagree."""
        url, given, report = str(part.system), asked.coding.version, asked.report
        version = self.options.rules.choose(url, part.version)
        if not given:
            return version
        known = self._library.versions(url)
        if version:
            version = given if is_more_detailed(version, given) else version
        elif any(one == given or is_more_detailed(given, one) for one in known):
            version = given
        system = self.find(url, version)
        if system is None:
            if version != given:
                facts = {"system": url, "version": version, "given": given}
                report.error("VALUESET_VALUE_MISMATCH", asked.at("version"), **facts)
        elif system.head.version != given and not is_more_detailed(given, system.head.version):
            say_other_version(report, asked.at("version"), part, (version, system.head), given)
            if self.find(url, given) is None:
                report.unknown[f"{url}|{given}"] = None
                facts = {"system": url, "version": given, "versions": listed(known)}
                report.error("UNKNOWN_CODESYSTEM_VERSION", asked.at("system"), **facts)
        return version

    def _has(self, part: Part, system: CodeSystem, asked: Asked) -> bool:
        code = asked.coding.code
        concept = found_in(system, code)
        listed_as = None if part.concepts is None else part.concepts.get(code)
        if part.concepts is not None and (listed_as is None or concept is None):
            return False
        if concept is None:
            if part.filters or self.options.is_membership_only:
                return False
            say_unknown_code(asked.report, system, code, asked.at("code"))
            return system.head.content != _COMPLETE
        if part.filters and not self._passes(part, system, concept, asked):
            return False
        asked.finding.see(system, concept, listed_as)
        return self._is_usable(system, concept, asked, listed_as)

    def _passes(self, part: Part, system: CodeSystem, concept: Concept, asked: Asked) -> bool:
        tests = self._tests_of(part, system)
        if not isinstance(concept, Expressed):
            return all(test(concept) for test in tests)
        verdict = are_passed(part.filters, tests, concept)
        if verdict is None:
            say_undecided(asked.report, concept.code, self.value_set, asked.at("code"))
        return verdict is True

    def _is_usable(self, system: CodeSystem, concept: Concept, asked: Asked, listed_as: Resource | None) -> bool:
        where, code, report = asked.at("code"), asked.coding.code, asked.report
        if concept.code != code:
            say_normal_form(report, where, code, concept.code, system.head)
        if concept.is_abstract and not self.options.accepts_abstract:
            report.error("ABSTRACT_CODE_NOT_ALLOWED", where, system=system.head.url, code=code)
            return False
        note_use(report, asked.path, concept, code)
        say_expression(report, concept, where)
        if concept.is_inactive and (self.value_set.excludes_inactive or self.options.active_only):
            report.error("STATUS_CODE_WARNING_CODE", where, code=code)
            return False
        if listed_as is not None:
            say_deprecated(report, where, listed_as, self.value_set, system.head)
        return True

    def _excludes(self, part: Part, asked: Asked) -> bool:
        """Tell whether an exclude has a code, or nobody knows, which is said."""
        alone = Asked.quietly(asked.coding)
        found = self._is_excluded(part, alone)
        for one in alone.report.undecided:
            asked.report.add(one)
        return found or bool(alone.report.undecided)

    def _is_excluded(self, part: Part, asked: Asked) -> bool:
        if part.system is not None and not self._is_excluded_by(part, asked):
            return False
        others = (self._imported[one] for one in part.value_sets)
        return not part.value_sets or any(one.check(asked) for one in others)

    def _is_excluded_by(self, part: Part, asked: Asked) -> bool:
        coding = asked.coding
        if part.system != coding.system:
            return False
        system = self.find(str(part.system), self.options.rules.choose(str(part.system), part.version))
        if system is None:
            raise refusal("UNKNOWN_CODESYSTEM", system=part.system)
        return self._has(part, system, asked)

    def _is_stated(self, asked: Asked) -> Verdict:
        """Tell whether the expansion that is all a value set has states a code."""
        coding, report = asked.coding, asked.report
        same = (one for one in self.value_set.stated() if one.get("code") == coding.code)
        found = next((one for one in same if one.get("system") == coding.system and not one.get("abstract")), None)
        if found is None:
            return False
        system = self.find(str(coding.system), found.get("version") or coding.version)
        if system is None:
            say_unknown(self._library, report, str(coding.system), coding.version, asked.path)
            return None
        concept = system.find(coding.code)
        if concept is None:
            say_unknown_code(report, system, coding.code, asked.at("code"))
            return False
        asked.finding.see(system, concept, found)
        return self._is_usable(system, concept, asked, None)


def checker_of(library: Library, value_set: ValueSet, options: Options) -> Checker:
    """Return what checks codes against a value set, made once as long as its definitions are the same."""
    key = (value_set, options.essence)
    known = library.made.get(key)
    if not isinstance(known, Checker):
        known = library.made[key] = Checker(library.definitions(), value_set, options)
    return known


def all_of(library: Library, head: Head) -> ValueSet:
    """Return the value set of all codes of a version, the same one as long as definitions are the same."""
    key = ("all of", head.canonical)
    known = library.made.get(key)
    if not isinstance(known, ValueSet):
        include = {"system": head.url} | ({"version": head.version} if head.version else {})
        whole = {"resourceType": "ValueSet", "url": f"{head.url}/vs", "status": "active"}
        known = ValueSet(whole | {"compose": {"include": [include]}}, is_made_up=True)
        library.made[key] = known
    return known


def imported(library: Definitions, value_set: ValueSet, reference: str, options: Options) -> ValueSet:
    """Return a value set that another one imports; raises TermError for one that nobody has."""
    if reference.startswith("#"):
        contained = value_set.contained(reference)
        if contained is None:
            raise refusal("Unable_to_resolve_value_Set_", value_set=reference)
        return ValueSet(contained)
    named = parse_canonical(reference)
    version = options.rules.choose(named.url, named.version)
    found = library.value_set(named.url, version)
    if found is None and named.version is not None:
        found = library.value_set(reference)  # some value sets of R4 have a bar in their url
    if found is None:
        raise refusal("Unable_to_resolve_value_Set_", value_set=f"{named.url}|{version}" if version else named.url)
    return found


def circular(canonical: str, path: tuple[str, ...]) -> BadDefinition:
    """Return the error of a value set that imports itself."""
    facts = {"value_set": canonical, "path": ", ".join(path)}
    return BadDefinition(issue("VALUESET_CIRCULAR_REFERENCE", Severity.ERROR, **facts))


def not_understood(part: Part, value_set: ValueSet, number: int) -> BadDefinition:
    """Return the error of a filter that its code system cannot apply."""
    wanted = part.filters[number]
    facts = {"property": wanted.property, "op": wanted.op, "value": wanted.value, "system": part.system}
    path = f"{part.path}.filter[{number}]"
    return BadDefinition(issue("FILTER_NOT_UNDERSTOOD", Severity.ERROR, path, value_set=value_set.url, **facts))


def _any(verdicts: Iterator[Verdict]) -> Verdict:
    """Return True for one that is, None where nobody knows, False where none is."""
    found: Verdict = False
    for verdict in verdicts:
        if verdict:
            return True
        found = None if verdict is None else found
    return found
