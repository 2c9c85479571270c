"""Resources beyond what a document can hold lie in GridFS, and nobody sees a difference

https://www.mongodb.com/docs/manual/reference/limits/#mongodb-limit-BSON-Document-Size
"""

import base64

from fhirserver.kernel.resource import Resource
from fhirserver.repository.requests import Create, Delete, HistoryRequest
from fhirserver.store.documents import LARGE
from tests.door import Door, body_of


def document(name: str, title: str) -> Resource:
    data = base64.b64encode(b"\x00" * (LARGE * 3 // 4 + 3)).decode()
    attachment = {"contentType": "image/png", "title": title, "data": data}
    return {"resourceType": "DocumentReference", "id": name, "status": "current",
            "description": title, "content": [{"attachment": attachment}]}  # fmt: skip


async def test_a_large_resource_lives_as_a_small_one_does(door: Door) -> None:
    repository = door.repository
    await door.put(document("large", "one"))
    first = await repository.read("DocumentReference", "large")
    assert first.content is not None
    assert len(first.content) > LARGE
    (found,) = (await door.search("DocumentReference?description=one")).matches
    assert found.content == first.content
    await door.put(document("large", "two"))
    assert (await repository.vread("DocumentReference", "large", "1")).content == first.content
    second = await repository.read("DocumentReference", "large")
    assert second.content is not None
    assert b'"two"' in second.content
    await repository.write(Delete(resource_type="DocumentReference", logical_id="large"))
    asked = HistoryRequest(resource_type="DocumentReference", logical_id="large", parameters=())
    versions = (await repository.history(asked)).versions
    assert [version.content for version in versions] == [None, second.content, first.content]


async def test_large_resources_in_a_transaction(door: Door) -> None:
    bodies = [body_of({**document(f"t{number}", "three"), "id": f"t{number}"}) for number in range(2)]
    written = await door.repository.transact([Create(resource_type="DocumentReference", body=b) for b in bodies])
    page = await door.search("DocumentReference?description=three&_sort=-_id")
    assert {v.content for v in page.matches} == {w.version.content for w in written if w.version is not None}
