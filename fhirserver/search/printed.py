"""A plan as text: for explanations, with its values; for logs, without any.

and(term Observation.code|= …, span Observation.date ge 2 values)
"""

from dataclasses import fields
from typing import Final

from fhirserver.search.plan import (
    All,
    And,
    Chain,
    HasSpan,
    HasTerm,
    HasTermContaining,
    HasTermPrefix,
    HasWords,
    IsOneOf,
    LastUpdated,
    Not,
    Nothing,
    OnlyPatients,
    Or,
    Plan,
    ReverseChain,
)

_SHOWN: Final = 5
"""Values of one node that are printed; of more only their number."""
_KEYS: Final = frozenset({"key", "keys", "target_type", "source_type", "resource_type", "comparison", "above", "test"})
"""Fields of nodes that hold no values of a search."""


def printed(plan: Plan, *, values: bool = True) -> str:
    """Write a plan; without ``values``, nothing that was searched for is in it."""
    match plan:
        case All():
            return "all"
        case Nothing():
            return "nothing"
        case And(plans):
            return f"and({', '.join(printed(part, values=values) for part in plans)})"
        case Or(plans):
            return f"or({', '.join(printed(part, values=values) for part in plans)})"
        case Not(inner):
            return f"not({printed(inner, values=values)})"
        case Chain(keys, target, inner):
            return f"chain({' '.join(keys)} -> {target}: {printed(inner, values=values)})"
        case ReverseChain(source, keys, inner):
            return f"reverse({' '.join(keys)} of {source}: {printed(inner, values=values)})"
        case _:
            return _leaf(plan, values=values)


def _leaf(plan: Plan, *, values: bool) -> str:
    match plan:
        case HasTerm(terms):
            return f"term {_terms(terms, values=values)}"
        case IsOneOf(keys):
            return f"one of {_terms(keys, values=values, cut='/')}"
        case OnlyPatients(logical_ids):
            some = sorted(logical_ids) if values and len(logical_ids) <= _SHOWN else [str(len(logical_ids))]
            return f"only patients {' '.join(some)}"
        case HasTermPrefix(prefix):
            return f"prefix {_terms((prefix,), values=values)}"
        case HasTermContaining(prefix, text):
            return f"containing {prefix}{text}" if values else f"containing {prefix.partition('=')[0]}"
        case HasWords(words, narrative):
            where = "narrative" if narrative else "text"
            return f"words of {where}" + (f" {' '.join('|'.join(word) for word in words)}" if values else "")
        case HasSpan(key, comparison, low, high):
            return f"span {key} {comparison} [{low}, {high}]" if values else f"span {key} {comparison}"
        case LastUpdated(comparison, low, high):
            return f"updated {comparison} [{low}, {high}]" if values else f"updated {comparison}"
        case _:
            return _any(plan, values=values)


def _any(plan: Plan, *, values: bool) -> str:
    """Print a node by its fields, those that may hold values only when these are shown."""
    shown = [f"{f.name}={getattr(plan, f.name)}" for f in fields(plan) if f.init and (values or f.name in _KEYS)]
    return f"{type(plan).__name__}({', '.join(shown)})"


def _terms(terms: tuple[str, ...], *, values: bool, cut: str = "=") -> str:
    if values and len(terms) <= _SHOWN:
        return " | ".join(term.replace("\x1f", "␟") for term in terms)
    keys = dict.fromkeys(term.partition(cut)[0].partition("/")[0] for term in terms)
    return f"{' | '.join(keys)} ({len(terms)} values)"
