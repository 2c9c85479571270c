"""From the text of a policy file to a ``Policy``; every problem names its line and its key.

docs/access-policy.md describes the file.
"""

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from fhirserver.access.policy import (
    Coded,
    ConsentNeed,
    Defaults,
    EmergencyTerms,
    Grant,
    Label,
    Policy,
    PolicyTest,
    RelationKind,
    Release,
    Role,
    Term,
)
from fhirserver.access.policy_reader import PolicyProblem, Table, Types, criteria_of
from fhirserver.access.rights import Right

DEFAULT: Final = Path(__file__).with_name("default_policy.toml")
_VERSION_CHARACTERS: Final = 12

IsResourceType = Callable[[str], bool]


def load_policy(path: Path, resource_types: tuple[str, ...]) -> Policy:
    """Read a policy file. Raises PolicyProblem."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise PolicyProblem(f"`{path}` cannot be read: {problem}.") from None
    return parse_policy(text, resource_types, str(path))


def parse_policy(text: str, resource_types: tuple[str, ...], name: str = "policy") -> Policy:
    """Read the text of a policy file. Raises PolicyProblem."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise PolicyProblem(f"{name}: {problem}.") from None
    root = Table(values, (), text, name)
    version = hashlib.sha256(text.encode()).hexdigest()[:_VERSION_CHARACTERS]
    return _policy(root, resource_types, version)


def _policy(root: Table, resource_types: tuple[str, ...], version: str) -> Policy:
    title, groups = root.text("title", "Policy"), root.table("types")
    types = Types({key: groups.texts(key) for key in groups.names()}, frozenset(resource_types), groups)
    labels = {name: _label(name, root.table("labels", name)) for name in root.table("labels").names()}
    relation, consent = root.table("relation"), root.table("consent")
    terms = {relation.choice(name, RelationKind): _term(relation.table(name)) for name in relation.names()}
    roles = _Roles(root.table("roles"), types, frozenset(labels)).all()
    policy = Policy(
        version=version,
        title=title,
        roles=roles,
        labels=labels,
        terms=terms,
        unattached=types.group("unattached"),
        sharing=frozenset(consent.texts("sharing")),
        defaults=_defaults(root.table("defaults"), roles),
        emergency=_emergency(root.table("emergency")),
        tests=tuple(_test(table, types, roles) for table in root.tables("tests")),
    )
    consent.finish()
    root.finish()
    return policy


def _label(name: str, table: Table) -> Label:
    label = Label(
        name=name,
        title=table.text("title", name),
        codes=tuple(table.codes("codes")),
        closed=table.flag("closed", False),
    )
    if not label.codes:
        raise table.problem("codes", "lists no code; expected `system|code`, or `*|code` for any system")
    table.finish()
    return label


def _term(table: Table) -> Term:
    term = Term(before_days=table.number("before_days", 0) or 0, after_days=table.number("after_days", 0) or 0)
    table.finish()
    return term


def _defaults(table: Table, roles: Mapping[str, Role]) -> Defaults:
    names = {key: table.optional_text(key) for key in ("patient", "related-person", "client")}
    for key, name in names.items():
        if name is not None and name not in roles:
            raise table.problem(key, f"names the role `{name}`, which there is not")
    table.finish()
    return Defaults(patient=names["patient"], related_person=names["related-person"], client=names["client"])


def _emergency(table: Table) -> EmergencyTerms:
    minutes, reason = table.number("max_minutes", 60) or 0, table.number("min_reason", 10) or 0
    if not 0 < minutes <= 60:
        raise table.problem("max_minutes", "is more than 60, or none; an emergency lasts an hour at most")
    terms = EmergencyTerms(max_minutes=int(minutes), min_reason=int(reason), reviewer=table.optional_text("reviewer"))
    table.finish()
    return terms


class _Roles:
    """Reads roles, those that are like others after them."""

    def __init__(self, table: Table, types: Types, labels: frozenset[str]) -> None:
        self._table, self._types, self._labels = table, types, labels
        self._found: dict[str, Role] = {}

    def all(self) -> dict[str, Role]:
        names = self._table.names()
        if not names:
            raise self._table.problem("", "defines no role; expected `[roles.NAME]`")
        for name in names:
            self._role(name, ())
        return {name: self._found[name] for name in names}

    def _role(self, name: str, waiting: tuple[str, ...]) -> Role:
        if name not in self._found:
            table = self._table.table(name)
            like = table.optional_text("like")
            if like is not None and (like in (*waiting, name) or like not in self._table.names()):
                raise table.problem("like", f"names `{like}`, which is no role that could come before it")
            base = self._role(like, (*waiting, name)) if like is not None else Role(name=name, title=name)
            self._found[name] = self._read(name, table, base)
        return self._found[name]

    def _read(self, name: str, table: Table, base: Role) -> Role:
        changed: dict[str, Any] = {"name": name, "title": table.text("title", name)}
        readers: dict[str, tuple[str, Callable[[str], Any]]] = {
            "codes": ("codes", lambda key: tuple(table.codes(key))),
            "evidence": ("evidence", lambda key: tuple(table.choices(key, RelationKind))),
            "clearance": ("clearance", lambda key: self._known_labels(table, key)),
            "emergency": ("emergency", lambda key: self._known_labels(table, key)),
            "declares": ("declares", lambda key: table.flag(key, False)),
            "until-age": ("until_age", lambda key: int(table.number(key, 0) or 0)),
            "beyond-age": ("beyond_age", lambda key: tuple(table.codes(key))),
            "masked": ("masked", lambda key: self._masked(table.table(key))),
            "grants": ("grants", lambda key: tuple(self._grant(each) for each in table.tables(key))),
            "release": ("releases", lambda key: tuple(self._release(each) for each in table.tables(key))),
        }
        for key, (attribute, read) in readers.items():
            if table.has(key):
                changed[attribute] = read(key)
        table.finish()
        inherited = {key: getattr(base, key) for key in Role.__dataclass_fields__}
        return Role(**{**inherited, **changed})

    def _known_labels(self, table: Table, key: str) -> frozenset[str]:
        names = table.texts(key)
        for name in names:
            if name not in self._labels:
                raise table.problem(key, f"names the label `{name}`; labels are {_listed(self._labels)}")
        return frozenset(names)

    def _masked(self, table: Table) -> dict[str, frozenset[str]]:
        masked = {self._types.type(table, name): frozenset(table.texts(name)) for name in table.names()}
        table.finish()
        return masked

    def _grant(self, table: Table) -> Grant:
        relation = table.flag("relation", True)
        usual = ConsentNeed.RESPECT if relation else ConsentNeed.NAMED
        need = table.choice_of("consent", ConsentNeed, usual)
        if need is ConsentNeed.RESPECT and not relation:
            raise table.problem(
                "consent", "is `respect`, which needs a relation: without one, take `named`, `opt-in` or `none`"
            )
        grant = Grant(
            types=self._types.of(table, "types"),
            rights=_rights(table),
            relation=relation,
            consent=need,
            criteria=criteria_of(table),
            max_age_days=table.number("max_age_days", None),
        )
        table.finish()
        return grant

    def _release(self, table: Table) -> Release:
        release = Release(
            types=self._types.of(table, "types"),
            criteria=criteria_of(table),
            by=table.text("by", "date"),
            days=table.number("days", 0) or 0,
        )
        table.finish()
        return release


def _rights(table: Table, key: str = "rights") -> frozenset[Right]:
    text = table.text(key, "")
    known = {right.value for right in Right}
    if not text or not set(text) <= known:
        raise table.problem(key, f"is `{text}`; expected letters of `cruds`")
    return frozenset(Right(letter) for letter in text)


def _test(table: Table, types: Types, roles: Mapping[str, Role]) -> PolicyTest:
    role = table.text("role", "")
    if role not in roles:
        raise table.problem("role", f"names the role `{role}`, which there is not")
    test = PolicyTest(
        line=table.line,
        role=role,
        types=types.of(table, "types"),
        can=_rights(table, "can") if table.has("can") else frozenset(),
        cannot=_rights(table, "cannot") if table.has("cannot") else frozenset(),
        relation=table.flag("relation", False) if table.has("relation") else None,
    )
    table.finish()
    return test


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


__all__ = ["DEFAULT", "Coded", "PolicyProblem", "load_policy", "parse_policy"]
