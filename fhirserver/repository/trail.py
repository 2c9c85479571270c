"""What one request has asked for and touched: the repository notes every version that leaves it and every write.

The trail of a request is what its audit record is made of. It decides nothing and stores nothing.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from fhirserver.kernel.exchange import Query, Target
from fhirserver.kernel.version import Version
from fhirserver.repository.requests import Effect, Written


class Touch(StrEnum):
    """What was done with a version."""

    SEEN = "r"
    CREATED = "c"
    UPDATED = "u"
    DELETED = "d"


class Touched(NamedTuple):
    """One version, what was done with it, and the JSON that tells whom it is about: of a deletion, what there was."""

    version: Version
    touch: Touch
    content: bytes | None


class Step:
    """One interaction of a request: a Bundle has several. ``status`` is that of the error it ended with, else 0."""

    __slots__ = ("parameters", "status", "target")

    def __init__(self, target: Target, parameters: Query) -> None:
        """Begin an interaction."""
        self.target = target
        self.parameters = parameters
        self.status = 0


class Trail:
    """Everything that one request touched, in the order in which it did."""

    __slots__ = ("decision", "happened", "has_provenance", "steps", "touched")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.decision = ""
        """The version of the policy that decided, where one did."""
        self.happened = ""
        """What rules made of what was written, in sentences without any value."""
        self.has_provenance = False
        """The caller brought a Provenance for what is written."""
        self.steps: list[Step] = []
        self.touched: list[Version | Touched] = []
        """Versions that were seen, as they are, and what was done with others."""

    def begin(self, target: Target, parameters: Query) -> Step:
        """Note an interaction at its beginning."""
        step = Step(target, parameters)
        self.steps.append(step)
        return step

    def decided(self, decision: str) -> None:
        """Note by which policy the caller is let in."""
        self.decision = decision

    def saw(self, version: Version, touch: Touch = Touch.SEEN) -> Version:
        """Note one version that leaves the repository, and return it."""
        self.touched.append(version if touch is Touch.SEEN else Touched(version, touch, version.content))
        return version

    def saw_all(self, versions: Iterable[Version]) -> None:
        """Note versions that leave the repository."""
        self.touched += versions

    def wrote(self, written: Written) -> Written:
        """Note what a write did, and return it."""
        if written.deleted:
            self.touched += [Touched(mark, Touch.DELETED, before.content) for mark, before in written.deleted]
        elif written.version is not None:
            self.saw(written.version, _TOUCHES.get(written.effect, Touch.SEEN))
        if written.happened:
            self.happened = " ".join((*filter(None, (self.happened,)), *written.happened))
            self.touched += [Touched(one, Touch.CREATED, one.content) for one in written.beside]
        return written

    def take(self) -> list[Version | Touched]:
        """Return what was touched since the last time: an answer that is a stream has several records."""
        taken, self.touched = self.touched, []
        return taken


_TOUCHES: Final = {
    Effect.CREATED: Touch.CREATED,
    Effect.UPDATED: Touch.UPDATED,
    Effect.DELETED: Touch.DELETED,
}


class Untraced(Trail):
    """The trail of who is not audited: the server itself, and the commands of its operator."""

    __slots__ = ()

    def begin(self, target: Target, parameters: Query) -> Step:
        """Return a step that nobody keeps."""
        return Step(target, parameters)

    def decided(self, decision: str) -> None:
        """Keep nothing."""

    def saw(self, version: Version, touch: Touch = Touch.SEEN) -> Version:
        """Keep nothing."""
        return version

    def saw_all(self, versions: Iterable[Version]) -> None:
        """Keep nothing."""

    def wrote(self, written: Written) -> Written:
        """Keep nothing."""
        return written


UNTRACED: Final = Untraced()
