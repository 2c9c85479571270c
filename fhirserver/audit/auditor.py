"""What the lane of a site tells: each request that is about to be answered, and each part of an answer that streams."""

from typing import Final, Protocol

from fhirserver.audit.record import Answer, Happening
from fhirserver.audit.recorder import Recorder
from fhirserver.kernel.caller import Caller

OPERATOR: Final = Caller(client_id="operator", scopes=())
"""Who calls under ``--auth off``."""


class Auditor(Protocol):
    """Hears of requests."""

    def check(self) -> None:
        """Refuse a request whose record there is no room for. Raises Unavailable."""
        ...

    def answered(self, answer: Answer) -> None:
        """Keep a request that is about to be answered. Raises Unavailable when that cannot be done."""
        ...

    def streamed(self, answer: Answer, part: int, *, ended: bool) -> bool:
        """Keep what a stream is about to tell, once it is enough; tell whether it may go out."""
        ...

    def happened(self, happening: Happening) -> None:
        """Keep what the authorization server did or refused. Raises Unavailable when that cannot be done."""
        ...


class Unaudited:
    """Keeps nothing: where the operator has turned the trail off."""

    def check(self) -> None:
        """Refuse nothing."""

    def answered(self, answer: Answer) -> None:
        """Keep nothing."""

    def streamed(self, answer: Answer, part: int, *, ended: bool) -> bool:
        """Let everything go out."""
        return True

    def happened(self, happening: Happening) -> None:
        """Keep nothing."""


class Audited:
    """Keeps everything in the spool of this process."""

    def __init__(self, recorder: Recorder, nobody: Caller | None = None) -> None:
        """Write with ``recorder``; who did not have to log in is ``nobody``."""
        self._recorder = recorder
        self._nobody = nobody
        self.check = recorder.check
        self.happened = recorder.happened
        self.answered = recorder.answered if nobody is None else self._answered

    def _answered(self, answer: Answer) -> None:
        self._recorder.answered(self._named(answer))

    def streamed(self, answer: Answer, part: int, *, ended: bool) -> bool:
        """Keep what a stream is about to tell, once it is enough; tell whether it may go out."""
        return self._recorder.streamed(self._named(answer), part, ended=ended)

    def _named(self, answer: Answer) -> Answer:
        return answer if answer.caller is not None or self._nobody is None else answer._replace(caller=self._nobody)


UNAUDITED: Final = Unaudited()
