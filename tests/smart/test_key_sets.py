"""conformance §1.6 44 and 45: the public keys of clients, inline and at a URL, and how often that is asked."""

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from fhirserver.smart.fetch import Fetched, FetchProblem, max_age_of
from fhirserver.smart.key_sets import BadKeys, KeySets, usable

URL = "https://client.example.org/jwks"
EC = ECKey.generate_key("P-384")
RSA = RSAKey.generate_key(2048)


def public(key: ECKey | RSAKey, **changes: object) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": "k", **changes}


class Elsewhere:
    """Another server: what it serves, how often it was asked, the time that passes."""

    def __init__(self, *keys: dict[str, Any], max_age_s: float | None = None) -> None:
        self.body = json.dumps({"keys": keys}).encode()
        self.max_age_s = max_age_s
        self.asked = 0
        self.is_away = False
        self.now = 0.0

    async def fetch(self, url: str) -> Fetched:
        assert url == URL
        self.asked += 1
        if self.is_away:
            raise FetchProblem("It is away.")
        return Fetched(self.body, self.max_age_s)

    def key_sets(self) -> KeySets:
        return KeySets(self.fetch, lambda: self.now)


async def test_1_6_45_a_set_is_kept_as_long_as_it_says_within_bounds() -> None:
    for max_age_s, kept_s in ((None, 300), (600, 600), (0, 30), (10**9, 3600)):
        there = Elsewhere(public(EC), max_age_s=max_age_s)
        sets = there.key_sets()
        for there.now, asked in ((0, 1), (kept_s - 1, 1), (kept_s, 2)):
            assert await sets.candidates(None, URL, "k", "ES384")
            assert there.asked == asked, (max_age_s, there.now)


async def test_1_6_45_an_unknown_kid_asks_again_but_not_again_and_again() -> None:
    there = Elsewhere(public(EC))
    sets = there.key_sets()
    assert await sets.candidates(None, URL, "k", "ES384")
    for there.now, asked in ((1, 1), (29, 1), (30, 2), (31, 2)):
        assert not await sets.candidates(None, URL, "new", "ES384")
        assert there.asked == asked
    there.body = json.dumps({"keys": [public(EC, kid="new")]}).encode()
    there.now = 61
    assert await sets.candidates(None, URL, "new", "ES384")


async def test_1_6_45_a_server_that_is_away_is_not_asked_by_every_request() -> None:
    there = Elsewhere(public(EC))
    there.is_away = True
    sets = there.key_sets()
    for there.now, asked in ((0, 1), (1, 1), (4, 1), (5, 2)):
        with pytest.raises(FetchProblem):
            await sets.candidates(None, URL, "k", "ES384")
        assert there.asked == asked
    there.is_away, there.now = False, 10
    assert await sets.candidates(None, URL, "k", "ES384")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[1]}', b"<html>"])
async def test_what_is_no_set_is_refused(body: bytes) -> None:
    there = Elsewhere()
    there.body = body
    with pytest.raises((FetchProblem, BadKeys)):
        await there.key_sets().candidates(None, URL, "k", "ES384")


async def test_an_inline_set_asks_nobody() -> None:
    there = Elsewhere()
    assert await there.key_sets().candidates({"keys": [public(RSA)]}, None, "k", "RS384")
    assert there.asked == 0


KEYS = [
    # a key, the algorithm, whether it is used
    pytest.param(public(EC), "ES384", True, id="EC on P-384"),
    pytest.param(public(EC), "RS384", False, id="EC for RS384"),
    pytest.param(public(EC), "ES256", False, id="P-384 for ES256"),
    pytest.param(public(RSA), "RS384", True, id="RSA"),
    pytest.param(public(RSA), "ES384", False, id="RSA for ES384"),
    pytest.param(public(RSA, alg="RS384"), "RS384", True, id="of this alg"),
    pytest.param(public(RSA, alg="RS256"), "RS384", False, id="of another alg"),
    pytest.param(public(RSA, use="sig"), "RS384", True, id="for signatures"),
    pytest.param(public(RSA, use="enc"), "RS384", False, id="for encryption"),
    pytest.param(public(RSA, kid="other"), "RS384", False, id="another kid"),
    pytest.param(public(RSA, n="x" * 171), "RS384", False, id="a small modulus"),
    pytest.param(public(RSA, n="A" * 300 + "x" * 43), "RS384", False, id="a small modulus behind zeros"),
    pytest.param(public(RSA, n=7), "RS384", False, id="a modulus that is no text"),
    pytest.param(public(EC, x="AAAA"), "ES384", False, id="a point that is not on the curve"),
    pytest.param({"kty": "oct", "k": "AAAA", "kid": "k"}, "RS384", False, id="a symmetric key"),
]


@pytest.mark.parametrize(("key", "algorithm", "good"), KEYS)
def test_1_6_44_keys_are_used_for_what_they_are(key: dict[str, Any], algorithm: str, good: bool) -> None:
    assert bool(usable([key], "k", algorithm)) is good


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("max-age=60", 60),
        ("public, max-age=60", 60),
        ('max-age="60"', 60),
        ("no-store", 0),
        ("no-cache", 0),
        ("", None),
    ],
)
def test_cache_control_is_read(text: str, seconds: float | None) -> None:
    assert max_age_of(text) == seconds
