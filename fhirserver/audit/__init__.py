"""The audit trail: who did what, when and why, kept so that nothing of it is lost, changed or removed unnoticed.

In the order of control flow: ``record`` is what is kept of a request, ``spool`` the file that it is appended to before
the answer goes out, ``recorder`` does it; ``drain`` turns records into AuditEvents (``balp``, ``agents``, ``entities``,
``codes``) and Provenances (``provenance``) behind the requests, at the pace of ``pace``, and stores them as links of a
chain (``chain``, ``ledger``); ``verify`` walks it. ``words`` tells events in plain words, ``unusual`` looks for those
that somebody should look at.

docs/audit.md and docs/adr/0013-audit-spool-and-chain.md say why.
"""
