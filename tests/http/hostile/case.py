"""One hostile request, and what damages a text or a resource."""

import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from urllib.parse import quote

from tests.fhirpath.hostile import expressions

JSON = "application/fhir+json"
XML = "application/fhir+xml"
ELSEWHERE = "http://127.0.0.1:9/"
"""Where nothing that is sent may make the server call; a run puts the port of its own listener in."""
ALPHABET = "abzAZ019 .,:;()[]{}<>'\"`%$@|&?#+-*/=!~^\\_\n\t\x00\x7fé\u2028\ufffe😀"
NUMBERS = (
    *("0", "-0", "-1", "1", "1.5", "1e9", "1e999999", "9" * 40, "NaN", "٣", "", " ", "0x10", "1000", "1001", "null"),
)
TEXTS = (
    *("a", "", "é" * 30, "a" * 3_000, "\u202e", "😀", "{{%x}}", "=cmd|' /C calc'!A0", "<b>", "$where", "../x"),
    *("\x00", " ", "\ufeff", "2020-02-30", "Patient/p", "#", "urn:uuid:0", ELSEWHERE, "http://[::1", "&l9;", "*"),
)
LITTLE, MUCH = (2, 5, 20), (100, 2_000)

Resource: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A request; ``kind`` says what maker it comes from."""

    kind: str
    method: str
    path: str
    body: bytes | None = None
    content_type: str = JSON
    more: tuple[tuple[str, str], ...] = ()
    """Other headers."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What the request is sent with."""
        return {"Accept": JSON, "Content-Type": self.content_type, **dict(self.more)}

    def aimed(self, port: int) -> "Case":
        """Return it with the port of a listener in the place of that of ``ELSEWHERE``."""
        path = self.path.replace("127.0.0.1%3A9%2F", f"127.0.0.1%3A{port}%2F")
        body = self.body and self.body.replace(ELSEWHERE.encode(), b"http://127.0.0.1:%d/" % port)
        return replace(self, path=path, body=body)

    def __str__(self) -> str:
        """Return enough of it to send it again."""
        body = (self.body or b"")[:600]
        return f"{self.kind}: {self.method} {self.path[:600]} {self.content_type} {body!r}"


Maker: TypeAlias = Callable[[random.Random], Case]
Pairs: TypeAlias = list[tuple[str, str]]


def damaged(chance: random.Random, text: str, most: int = 4) -> str:
    """Put something else in some places."""
    for _ in range(chance.randint(1, most)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.randint(0, 4))
        text = text[:start] + noise(chance, 3) + text[end:]
    return text


def noise(chance: random.Random, most: int) -> str:
    """Return any text."""
    return "".join(chance.choices(ALPHABET, k=chance.randint(0, most)))


def times(chance: random.Random) -> int:
    """Return how often something comes, seldom very often."""
    return chance.choice(LITTLE if chance.random() < 0.8 else MUCH)


def written(pairs: Pairs) -> str:
    """Write parameters as a query."""
    return "&".join(f"{quote(name, safe=':')}={quote(value, safe='')}" for name, value in pairs)


def encoded(value: object) -> bytes:
    """Write JSON."""
    return json.dumps(value).encode()


def expression(chance: random.Random) -> str:
    """Return a malformed or laborious FHIRPath, as text that can be sent."""
    (source,) = expressions(chance.randrange(10**9), 1)
    return source[:6_000].encode(errors="replace").decode()


def places(value: object, here: Path = ()) -> Iterator[Path]:
    """Yield where there is something in a JSON value, itself first."""
    yield here
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*here, key))


def put(value: object, place: Path, new: object) -> Any:  # noqa: ANN401 - JSON
    """Return a copy of a JSON value with something else in a place."""
    if not place:
        return new
    changed: Any = copy.deepcopy(value)
    owner = changed
    for key in place[:-1]:
        owner = owner[key]
    owner[place[-1]] = new
    return changed
