"""The demo record: what a clinician of a Belgian or French hospital network would open, made up and always the same.

In order of control flow: `record` (the whole), `network`, `staff` and `agenda` (what exists before patients),
`population` and `people` (who the patients are), `registration` (their administrative data), `play` (the story of one
patient: `stays`, `conditions`, `results`, `acts`, `medication`, `prevention`, `plans`, `documents`, `pdf`), `bundle`.
Content as tables: `places`, `names`, `terms`, `measures`, `growth`, `drugs`, `comorbidities`, and `stories_*` in the
grammar of `story`. Below them: `chart`, `physiology`, `dice`, `moments`, `shapes`, `systems`, `table`, `words`.
"""

from fhirserver.demo.bundle import render
from fhirserver.demo.record import bundles

__all__ = ["bundles", "render"]
