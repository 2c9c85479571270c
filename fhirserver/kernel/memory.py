"""How long a text may be for what was computed of it to be remembered.

Memories hold so many results; what callers send decides how large each is. Long texts hardly recur, so they are
computed anew: then a memory has a size in bytes too.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, ParamSpec, TypeVar

SHORT: Final = 256
"""Characters or bytes."""

P = ParamSpec("P")
R = TypeVar("R")


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
