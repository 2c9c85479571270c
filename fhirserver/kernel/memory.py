"""How long a text may be for what was computed of it to be remembered.

Memories hold so many results; what callers send decides how large each is. Long texts hardly recur, so they are
computed anew: then a memory has a size in bytes too.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, Generic, ParamSpec, TypeVar

SHORT: Final = 256
"""Characters or bytes."""

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def remembered(size: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function remember its last ``size`` results, those of short texts. What is called most asks for itself."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        kept = lru_cache(size)(function)

        @wraps(function)
        def call(*given: P.args, **named: P.kwargs) -> R:
            for each in given:
                if isinstance(each, str | bytes) and len(each) > SHORT:
                    return function(*given, **named)
            return kept(*given, **named)  # type: ignore[arg-type]  # texts and what else is hashable

        return call

    return decorate


class ByIdentity(Generic[T, R]):
    """Remembers what was computed of things that never change, by their identity.

    To compare them, or to hash them, would take as long as to compute it anew.
    """

    __slots__ = ("_compute", "_known", "_size")

    def __init__(self, compute: Callable[[T], R], size: int) -> None:
        """Remember the last ``size`` results."""
        self._compute = compute
        self._size = size
        self._known: OrderedDict[int, tuple[T, R]] = OrderedDict()

    def __call__(self, thing: T) -> R:
        """Return the result for a thing."""
        found = self._known.get(id(thing))
        if found is not None:
            return found[1]
        result = self._compute(thing)
        self._known[id(thing)] = (thing, result)  # which keeps the thing, and so its identity
        if len(self._known) > self._size:
            self._known.popitem(last=False)
        return result
