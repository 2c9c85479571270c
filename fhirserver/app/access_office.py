"""Opening records beyond the rules, and explaining them: the repository, the tokens and the trail, put together."""

from collections.abc import Callable
from dataclasses import dataclass

from fhirserver.access.emergency import Asked, WaysIn
from fhirserver.access.explained import Explanation, Question
from fhirserver.app.authorization import Authorization
from fhirserver.app.sites import Site
from fhirserver.audit.auditor import Auditor
from fhirserver.audit.record import Happening, Kind
from fhirserver.kernel.caller import Caller, Emergency
from fhirserver.kernel.outcome import Forbidden, LoginRequired
from fhirserver.kernel.version import Version
from fhirserver.operations.access_office import EmergencyToken
from fhirserver.repository.access_desk import AccessDesk
from fhirserver.repository.access_explained import explain_access
from fhirserver.repository.trail import Trail


@dataclass(slots=True)
class Running:
    """What there is once a process serves."""

    site_of: Callable[[str], Site]
    """Raises Unavailable."""
    authorization: Authorization | None
    auditor: Auditor


class Office:
    """That of one site; it is in the table of operations before the process serves."""

    def __init__(self, name: str, running: Callable[[], Running]) -> None:
        """Serve the site ``name`` with what is ``running``, which is asked for at every call."""
        self._name, self._running = name, running

    async def break_glass(self, caller: Caller, asked: Asked, trail: Trail) -> EmergencyToken:
        """Begin an emergency, write it down and return its token. Raises NotFound, Forbidden, BadRequest."""
        running = self._running()
        if running.authorization is None:
            raise Forbidden("Nobody logs in here: there is no glass to break.")
        opened = await self._desk(running).break_glass(caller, asked, trail)
        token = await self._token(running.authorization, caller, opened.emergency)
        running.auditor.happened(
            Happening(
                kind=Kind.EMERGENCY,
                site=self._name,
                caller=caller,
                text=opened.emergency.reason,
                patient=asked.patient,
                decision=f"{opened.policy_version} emergency",
            )
        )
        return EmergencyToken(opened, token)

    async def declare(self, caller: Caller, patient: str, evidence: str, trail: Trail) -> Version:
        """Declare a relation of care. Raises NotFound, Forbidden, BadRequest."""
        return await self._desk(self._running()).declare(caller, patient, evidence, trail)

    async def ways_in(self, caller: Caller, patient: str) -> WaysIn:
        """Return what a caller may do about the record of a patient that it sees."""
        return await self._desk(self._running()).ways_in(caller, patient)

    async def explain(self, question: Question) -> Explanation:
        """Explain one decision. Raises NotFound, Deleted, BadSearchValue."""
        site = self._running().site_of(self._name)
        return await explain_access(site.live.now, site.rules, question)

    def _desk(self, running: Running) -> AccessDesk:
        site = running.site_of(self._name)
        return AccessDesk(site.live, site.rules)

    @staticmethod
    async def _token(authorization: Authorization, caller: Caller, emergency: Emergency) -> str:
        services = authorization.services
        token = await services.access_tokens.for_emergency(caller.token_id, emergency, services.network.base_of)
        if token is None:
            raise LoginRequired("The access token has expired or was revoked.")
        return token
