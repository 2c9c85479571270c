"""Give an element the elements of its type, when a differential walks into it.

They come from the one profile of the type, else from the type; from the element that a ``contentReference`` names;
from ``Element`` when several types are allowed. Nothing is unfolded that no differential asks for, so that types which
contain themselves end. Spec: http://hl7.org/fhir/R4/profiling.html#snapshot
"""

from fhirserver.definitions.snapshots.problems import Report, Rule
from fhirserver.definitions.snapshots.read import BASE_URL, codes_of, texts, types_of, url_of
from fhirserver.definitions.snapshots.tree import Node, without
from fhirserver.definitions.snapshots.types import Structures


def unfold(node: Node, root: Node, structures: Structures, report: Report) -> None:
    """Give ``node`` children, if its definition says of what; ``root`` is the base, which its references point into."""
    reference = node.definition.get("contentReference")
    if isinstance(reference, str):
        _unfold_reference(node, reference, root, structures, report)
        return
    source = _source(node, structures, report)
    if source is not None:
        node.take_children(source)


def _unfold_reference(node: Node, reference: str, root: Node, structures: Structures, report: Report) -> None:
    target = _target(root, reference.partition("#")[2], structures)
    if target is None:
        report(Rule.PATH_UNKNOWN, f"The content reference `{reference}` names no element of the structure.")
        return
    definition = without(node.definition, "contentReference")
    node.definition = {**definition, "type": target.definition.get("type", [])}
    node.take_children(target)


def _target(root: Node, path: str, structures: Structures) -> Node | None:
    """Return the element as the base has it: what a profile says at its own place does not hold at another."""
    own, *names = path.split(".")
    found: Node | None = root if own == root.name else structures.tree(url_of(own))
    for name in names:
        found = None if found is None else found.child(name)
    return found


def _source(node: Node, structures: Structures, report: Report) -> Node | None:
    codes = codes_of(node.definition)
    if len(codes) != 1:
        return structures.tree(BASE_URL + "Element") if codes else None
    profiles = [p for t in types_of(node.definition) for p in texts(t.get("profile"))]
    if len(profiles) == 1:
        found = _profile(profiles[0], codes[0], structures, report)
        if found is not None:
            return found
    return _type(codes[0], structures, report)


def _profile(profile: str, code: str, structures: Structures, report: Report) -> Node | None:
    found = structures.tree(profile)
    if found is None and structures.is_under_way(profile):
        text = f"`{profile}` walks into itself; the elements below are those of the type `{code}`."
        report(Rule.PROFILE_CIRCULAR, text)
    elif found is None:
        text = f"The profile `{profile}` is not known; the elements below are those of the type `{code}`."
        report(Rule.TYPE_UNKNOWN, text)
    return found


def _type(code: str, structures: Structures, report: Report) -> Node | None:
    found = structures.tree(url_of(code))
    if found is None:
        report(Rule.TYPE_UNKNOWN, f"The type `{code}` is not known, so that nothing can be said of its elements.")
    return found
