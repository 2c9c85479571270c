"""The closure tables of a site: of each user of each client their own, forgotten when nobody uses them.

Spec: http://hl7.org/fhir/R4/conceptmap-operation-closure.html
"""

import hashlib
import json
from typing import Final

from fhirserver.kernel.caller import Caller
from fhirserver.store.layout import CLOSURE
from fhirserver.store.records import Records
from fhirserver.store.store import Store
from fhirserver.terminology.closure import Table

LIFE_S: Final = 90 * 24 * 3600
"""How long a table is kept that nobody asks for."""


class Closures:
    """The tables of one caller."""

    def __init__(self, store: Store, caller: Caller | None) -> None:
        """Keep them in the site's database."""
        self._records = Records(store.collection(CLOSURE))
        self._owner = None if caller is None else (caller.client_id, caller.fhir_user)

    async def get(self, name: str) -> Table | None:
        """Return a table."""
        found = await self._records.get(self._key(name))
        if found is None:
            return None
        concepts = {(system, code): at for system, code, at in found["concepts"]}
        return Table(found["version"], {system: version for system, version in found["systems"]}, concepts)

    async def begin(self, name: str) -> Table:
        """Enter an empty table, in the place of the one that there was."""
        await self._records.put(self._key(name), _fields(Table()), LIFE_S)
        return Table()

    async def replace(self, name: str, before: Table, after: Table) -> bool:
        """Put a table in the place of its previous version; tells whether it was still that."""
        where = {"version": before.version}
        changed = await self._records.change(self._key(name), _fields(after), where=where, expires_s=LIFE_S)
        return changed is not None

    def _key(self, name: str) -> str:
        return hashlib.sha256(json.dumps([self._owner, name]).encode()).hexdigest()


def _fields(table: Table) -> dict[str, object]:
    return {
        "version": table.version,
        "systems": [list(one) for one in table.systems.items()],
        "concepts": [[system, code, at] for (system, code), at in table.concepts.items()],
    }
