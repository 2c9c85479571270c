"""What an authenticator answers is of whoever sends it: whatever it is, it proves something or nothing.

Spec: https://www.w3.org/TR/webauthn-3/#sctn-registering-a-new-credential, #sctn-verifying-assertion
"""

import base64
import json
import random

import pytest

from fhirserver.smart.people.account import Account, Passkey
from fhirserver.smart.people.passkeys import BadPasskey, Passkeys, RelyingParty, credential_id_of

PARTY = Passkeys(RelyingParty("https://fhir.example.org", "fhir.example.org", "Beffroi"))
CHALLENGE = b"c" * 32
KEY = Passkey(id=b"1", public_key=b"\xa5\x01\x02", sign_count=0, name="key", synced=False)
ACCOUNT = Account(id="a", username="anna", name="Anna", site="main", passkeys=(KEY,))


def text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def client_data(kind: str, **changes: object) -> str:
    known = {"type": kind, "challenge": text(CHALLENGE), "origin": "https://fhir.example.org", **changes}
    return text(json.dumps(known).encode())


def answer(**response: object) -> str:
    return json.dumps({"id": text(b"1"), "rawId": text(b"1"), "type": "public-key", "response": response})


ANSWERS = [
    pytest.param("", id="nothing"),
    pytest.param("{", id="no JSON"),
    pytest.param("[]", id="no object"),
    pytest.param("{}", id="an empty object"),
    pytest.param("x" * 70_000, id="too much"),
    pytest.param(answer(), id="no response"),
    pytest.param(answer(clientDataJSON=5, attestationObject=5), id="numbers"),
    pytest.param(answer(clientDataJSON="!", attestationObject="!"), id="no base64"),
    pytest.param(answer(clientDataJSON=text(b"{"), attestationObject=text(b"\xff")), id="no JSON inside"),
    pytest.param(answer(clientDataJSON=text(b"[]"), attestationObject=text(b"\xa0")), id="no object inside"),
    pytest.param(answer(clientDataJSON=client_data("webauthn.create"), attestationObject=text(b"\xa0")), id="no map"),
    pytest.param(answer(clientDataJSON=client_data("webauthn.create"), attestationObject=text(b"\x80")), id="a list"),
    pytest.param(answer(clientDataJSON=client_data("webauthn.create"), attestationObject=text(b"\x00")), id="a number"),
    pytest.param(
        answer(
            clientDataJSON=client_data("webauthn.create"),
            attestationObject=text(b"\xa3cfmtdnonegattStmt\xa0hauthDataA\x00"),
        ),
        id="data of an authenticator that are too short",
    ),
    pytest.param(
        answer(clientDataJSON=client_data("webauthn.get"), authenticatorData=text(b"x"), signature=text(b"x")),
        id="an assertion that is too short",
    ),
    pytest.param(
        answer(clientDataJSON=client_data("webauthn.get"), authenticatorData=text(b"x" * 37), signature=text(b"x")),
        id="an assertion of another host",
    ),
    pytest.param(
        answer(
            clientDataJSON=client_data("webauthn.get", origin="https://evil.example"),
            authenticatorData="",
            signature="",
        ),
        id="an assertion at another origin",
    ),
]


@pytest.mark.parametrize("sent", ANSWERS)
def test_what_proves_nothing(sent: str) -> None:
    with pytest.raises(BadPasskey):
        PARTY.created(sent, CHALLENGE, "name")
    with pytest.raises(BadPasskey):
        PARTY.used(sent, CHALLENGE, KEY)


def test_chance_proves_nothing() -> None:
    dice = random.Random(4)
    for _ in range(300):
        parts = [text(dice.randbytes(dice.randrange(120))) for _ in range(4)]
        made = client_data("webauthn.create") if dice.random() < 0.7 else parts[0]
        used = client_data("webauthn.get") if dice.random() < 0.7 else parts[0]
        with pytest.raises(BadPasskey):
            PARTY.created(answer(clientDataJSON=made, attestationObject=parts[1]), CHALLENGE, "name")
        sent = answer(clientDataJSON=used, authenticatorData=parts[1], signature=parts[2], userHandle=parts[3])
        with pytest.raises(BadPasskey):
            PARTY.used(sent, CHALLENGE, KEY)


@pytest.mark.parametrize("raw", [5, None, ["x"]])
def test_a_credential_without_an_id_is_nobodys(raw: object) -> None:
    assert credential_id_of(json.dumps({"rawId": raw})) == b""


def test_options_ask_for_verification_and_a_discoverable_credential() -> None:
    made = json.loads(PARTY.creation(ACCOUNT, CHALLENGE))
    assert made["rp"]["id"] == "fhir.example.org"
    assert made["authenticatorSelection"]["userVerification"] == "required"
    assert made["authenticatorSelection"]["residentKey"] == "required"
    assert [one["id"] for one in made["excludeCredentials"]] == [text(b"1")]
    asked = json.loads(PARTY.request(CHALLENGE))
    assert (asked["rpId"], asked["userVerification"]) == ("fhir.example.org", "required")
    assert not asked.get("allowCredentials")
