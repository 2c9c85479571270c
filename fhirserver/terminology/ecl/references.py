"""How concepts are named in expression constraints: by a code, by a code of another scheme, with a term beside it.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language/design/5-syntax-specification
(eclConceptReference, altIdentifier)
"""

import re
from typing import Final

from fhirserver.terminology.ecl.scanner import Scanner

CONCEPT: Final = re.compile(r"[1-9][0-9]{5,17}(?![0-9])")
_SCHEME: Final = r"(?P<scheme>[A-Za-z][A-Za-z0-9-]*(?:://[A-Za-z0-9./-]+)?)"
IDENTIFIED: Final = re.compile(rf"{_SCHEME}#(?P<code>[A-Za-z0-9._-]+)")
QUOTED_IDENTIFIED: Final = re.compile(rf'"{_SCHEME}#(?P<code>[^"\\]+)"')
QUOTED_CODE: Final = re.compile(rf'{_SCHEME}#"(?P<code>[^"\\]+)"')
_TERM: Final = re.compile(r"\|[ \t\r\n]*[^|\s][^|]*\|")


def pass_term(scanner: Scanner) -> None:
    """Pass over a term in pipes; raises BadConstraint."""
    if scanner.sees_symbol("|") and not scanner.take(_TERM):
        scanner.fail("a term that a second `|` ends")
