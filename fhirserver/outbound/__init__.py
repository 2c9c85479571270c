"""Requests of this server to others: to public addresses only, resolved once, of bounded size and time.

Whoever names a URL (a client its keys, a subscription its endpoint) must not make the server knock on doors inside
its own network. ``addresses`` says which addresses those are, ``guard`` reads a URL, ``bounded`` cuts off answers
that are too long, ``client`` asks.
Spec: https://owasp.org/API-Security/editions/2023/en/0xa7-server-side-request-forgery/
"""
