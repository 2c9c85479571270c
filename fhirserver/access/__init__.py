"""Who may: an ``Access`` per caller, compiled to conjuncts of every plan.

Until the authorization issue lands there is one ``Access``: the operator's own machine, ``--auth off``.
"""

from fhirserver.access.access import Access, Unrestricted

__all__ = ["Access", "Unrestricted"]
