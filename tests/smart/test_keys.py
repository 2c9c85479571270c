"""Signing keys: sealed at rest, rotated without a pause, known to all workers."""

import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pymongo import MongoClient

from fhirserver.smart.jose import look_at
from fhirserver.smart.keys import ES256, PUBLISHED_S, RS256, SigningKeys
from fhirserver.smart.secret import FILE, Secret, WrongSecret, secret_of
from fhirserver.store.connection import Connection
from fhirserver.store.records import Records

NAME = f"test_{secrets.token_hex(6)}_network"
SECRET = Secret("s" * 40)


@pytest_asyncio.fixture(loop_scope="session")
async def records(mongodb_uri: str) -> AsyncIterator[Records]:
    connection = Connection(mongodb_uri)
    records = connection.records(NAME, secrets.token_hex(4))
    await records.prepare()
    yield records
    await connection.close()
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database(NAME)


async def prepared(records: Records) -> SigningKeys:
    keys = SigningKeys(records, SECRET)
    await keys.prepare()
    return keys


def kid_of(token: str) -> str:
    return str(look_at(token, (ES256, RS256)).header["kid"])


async def test_the_private_half_is_sealed(records: Records) -> None:
    await prepared(records)
    for record in await records.find({}):
        assert set(record) == {"key", "algorithm", "signs_from_s", "created_s", "sealed"}
        assert b'"d"' not in bytes(record["sealed"])


async def test_another_secret_opens_nothing_and_says_what_to_do(records: Records) -> None:
    await prepared(records)
    with pytest.raises(WrongSecret, match="FHIRSERVER_SECRET_KEY"):
        await SigningKeys(records, Secret("t" * 40)).prepare()


async def test_a_new_key_is_published_before_it_signs(records: Records) -> None:
    keys = await prepared(records)
    before = kid_of(await keys.sign(ES256, {"a": 1}))
    made = await keys.rotate()
    assert {key.kid for key in made} < {key.kid for key in await keys.all()}
    assert kid_of(await keys.sign(ES256, {"a": 1})) == before
    assert all(key.signs_from_s >= time.time() + PUBLISHED_S for key in made)


async def test_what_an_old_key_signed_is_good_while_it_is_published(records: Records) -> None:
    keys = await prepared(records)
    token = await keys.sign(ES256, {"a": 1})
    await keys.rotate()
    assert await keys.claims_of(kid_of(token), token) == {"a": 1}
    await keys.rotate(at_once=True)
    assert kid_of(await keys.sign(ES256, {"a": 1})) != kid_of(token)


async def test_keys_replaced_at_once_count_no_more(records: Records) -> None:
    keys = await prepared(records)
    token = await keys.sign(ES256, {"a": 1})
    await keys.rotate(at_once=True)
    assert await keys.claims_of(kid_of(token), token) is None
    fresh = await keys.sign(ES256, {"a": 1})
    assert await keys.claims_of(kid_of(fresh), fresh) == {"a": 1}


async def test_a_worker_learns_at_once_of_a_key_that_another_made(records: Records) -> None:
    one, other = await prepared(records), await prepared(records)
    await other.all()
    await one.rotate(at_once=True)
    token = await one.sign(ES256, {"a": 1})
    assert await other.claims_of(kid_of(token), token) == {"a": 1}


async def test_a_token_of_another_key_under_this_kid_is_refused(records: Records) -> None:
    keys = await prepared(records)
    token = await keys.sign(ES256, {"a": 1})
    (rsa,) = (key for key in await keys.all() if key.algorithm == RS256)
    assert await keys.claims_of(rsa.kid, token) is None
    assert await keys.claims_of("unknown", token) is None


def test_the_secret_of_a_data_folder_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    sealed = secret_of(None, tmp_path / "data").seal("p", "n", b"content")
    assert secret_of(None, tmp_path / "data").open("p", "n", sealed) == b"content"
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "data").iterdir()] == [FILE]


@pytest.mark.parametrize(("purpose", "name"), [("other", "n"), ("p", "other")])
def test_what_is_sealed_opens_for_its_purpose_and_name_only(purpose: str, name: str) -> None:
    with pytest.raises(WrongSecret):
        SECRET.open(purpose, name, SECRET.seal("p", "n", b"content"))
