"""The same plan, cheaper: conditions on one value are asked of it together.

``date=ge2024-05-01&date=lt2024-06-01`` are two conditions on any of the values of ``date``. Where an element does
not repeat there is only one, and an index can be read between both bounds.
"""

from collections.abc import Container, Iterable

from fhirserver.search.plan import HasOneSpan, HasSpan, Plan


def together(plans: Iterable[Plan], single: Container[str]) -> list[Plan]:
    """Join what is to hold together of the same span; ``single`` has the keys under which there is one at most."""
    others: list[Plan] = []
    spans: dict[str, list[HasSpan]] = {}
    for plan in plans:
        if isinstance(plan, HasSpan) and plan.key.partition("~")[0] in single:
            spans.setdefault(plan.key, []).append(plan)
        else:
            others.append(plan)
    joined = (found[0] if len(found) == 1 else HasOneSpan(tuple(found)) for found in spans.values())
    return [*others, *joined]
