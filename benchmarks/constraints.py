"""How long expression constraints take on a release as large as SNOMED CT's.

    python -m benchmarks.constraints INDEX     an index made by `benchmarks.snomed_sized measure`

Each constraint is worked out anew, nothing of it is remembered; what is asked of a version for the first time is shown
apart.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.snomed_sized import ATTRIBUTES, METADATA
from fhirserver.terminology.ecl.answers import holding
from fhirserver.terminology.ecl.evaluation import Evaluation
from fhirserver.terminology.ecl.ontology import Ontology
from fhirserver.terminology.ecl.parser import parse
from fhirserver.terminology.ecl.refinement import first_rows
from fhirserver.terminology.index.edition import EditionCodeSystem
from fhirserver.terminology.index.opening import open_index

_TIMES: Final = 15


def constraints(ontology: Ontology) -> dict[str, str]:
    """Return constraints by what they are examples of."""
    first = len(METADATA)
    some, other = (ontology.code(first_of(ontology, number)) for number in (first + 3, first + 4))
    largest = [ontology.code(int(one)) for one in _largest(ontology)]
    big, second, third, value = largest[1], largest[2], largest[3], largest[4]
    return {
        "<< of a large concept": f"<< {big}",
        "<< of all that is below one": f"<< (<! {big})",
        ">> of all that is below one": f">> (< {big})",
        "conjunction, disjunction, exclusion": f"(<< {big} AND << {second}) OR (<< {third} MINUS << {second})",
        "one attribute": f"<< {big} : {some} = << {value}",
        "any attribute": f"<< {big} : * = << {value}",
        "attributes below one": f"<< {big} : (<< {some} OR << {other}) = << {value}",
        "two attributes": f"<< {big} : {some} = << {value}, {other} = *",
        "a group": f"<< {big} : {{ {some} = << {value}, {other} = * }}",
        "two groups": f"<< {big} : {{ {some} = << {value}, {other} = * }}, {{ {some} = *, {other} = << {value} }}",
        "cardinality": f"<< {big} : [2..*] * = << {value}",
        "cardinality of groups": f"<< {big} : [0..1] {{ {some} = * }}",
        "nested": f"<< {big} : {some} = (<< {second} : {other} = (<< {third} : * = << {value}))",
        "reversed": f"* : R {some} = << {big}",
        "dotted": f"<< {big} . {some} . {other}",
        "top of a set": f"!!> (< {big} AND < {second})",
        "words in terms": f'<< {big} {{{{ term = "car di" }}}}',
        "words, language, type, dialect": (
            f'<< {big} {{{{ term = "gas", language = fr, type = syn, dialectId = 21000172104 (prefer) }}}}'
        ),
        "a pattern in terms": f'<< {second} {{{{ term = wild:"*gas*" }}}}',
        "a pattern in all terms": '* {{ term = wild:"*gas*" }}',
        "filters on concepts": f"<< {big} {{{{ C definitionStatus = defined, active = 1 }}}}",
    }


def first_of(ontology: Ontology, place: int) -> int:
    """Return the number of the concept at a place of the generator, whose first attributes have the first codes."""
    number = ontology.number(str((place - len(METADATA) + 100_000) * 1000 + 1))
    if number is None:
        raise SystemExit("the index is of another release")
    return number


def _largest(ontology: Ontology) -> list[int]:
    """Return concepts that have much below them, the largest first."""
    numbers = range(len(METADATA) + ATTRIBUTES, 2000)
    sizes = [(int(ontology.descendants(first_of(ontology, one)).sum()), first_of(ontology, one)) for one in numbers]
    return [number for _, number in sorted(sizes, reverse=True)]


def measured(work: Callable[[], object]) -> float:
    """Return the milliseconds that a work takes, the middle of some."""
    took = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        work()
        took.append((time.perf_counter() - started) * 1000)
        if sum(took) > 5000:
            break
    return sorted(took)[len(took) // 2]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    ontology = open_index(parser.parse_args().index)
    if not isinstance(ontology, EditionCodeSystem):
        raise SystemExit("it has no edition of SNOMED CT")
    started = time.perf_counter()
    firsts = first_rows(ontology.relationships)
    found = {"first rows of groups, once": (time.perf_counter() - started) * 1000}
    asked = constraints(ontology)
    for name, text in asked.items():
        expression = parse(text)
        found[name] = measured(lambda one=expression: Evaluation(ontology, lambda: firsts).selected(one))
        selected = int(np.count_nonzero(Evaluation(ontology, lambda: firsts).selected(expression)))
        print(f"{found[name]:8.2f} ms  {selected:7} of {len(ontology)}  {name}", flush=True)
    holds = holding(ontology, asked["a group"])
    found["1000 codes held against a group"] = measured(lambda: [holds(number) for number in range(1000)])
    holds = holding(ontology, asked["conjunction, disjunction, exclusion"])
    found["1000 codes held against hierarchies"] = measured(lambda: [holds(number) for number in range(1000)])
    print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=1))


if __name__ == "__main__":
    main()
