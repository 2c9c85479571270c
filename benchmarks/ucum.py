"""What a canonical value costs, as a ratio to one bare decimal multiplication in the same run.

Command: ``python benchmarks/ucum.py [ucum-essence.xml]``. Data: the published UCUM tables, by default those that the
development dependency ucumvert carries. The codes are remembered ones, as in a load; ``first reading`` is of a code
that is not. Median and range of 7 rounds.
"""

import statistics
import sys
import timeit
from collections.abc import Callable
from decimal import Decimal
from importlib.metadata import distribution
from pathlib import Path

import msgspec

from fhirserver.ucum import Ucum, UcumTables, compile_essence

ROUNDS = 7
VALUE = Decimal("5.42")
CODES = ("mg/dL", "mmol/L", "mm[Hg]", "10*9/L", "{score}", "/min", "Cel", "[pH]", "not-a-code")


def _measure(call: Callable[[], object]) -> tuple[float, float, float]:
    number = max(1, timeit.Timer(call).autorange()[0] // 4)
    rounds = [seconds / number for seconds in timeit.repeat(call, number=number, repeat=ROUNDS)]
    return statistics.median(rounds), min(rounds), max(rounds)


def _row(name: str, call: Callable[[], object], bare: float) -> float:
    median, low, high = _measure(call)
    ratio = f"{median / bare:8.1f}x" if bare else f"{1:8.1f}x"
    print(f"{name:24} {median * 1e6:9.3f} µs  ({low * 1e6:.3f} to {high * 1e6:.3f}) {ratio}")
    return median


def main() -> None:
    """Print the table."""
    vendored = distribution("ucumvert").locate_file("ucumvert/vendor/ucum-essence.xml")
    essence = Path(sys.argv[1] if len(sys.argv) > 1 else str(vendored)).read_bytes()
    packed = msgspec.msgpack.encode(compile_essence(essence))
    ucum = Ucum(msgspec.msgpack.decode(packed, type=UcumTables))
    factor = Decimal("0.1")
    bare = _row("bare multiplication", lambda: VALUE * factor, 0)
    for code in CODES:
        _row(f"canonical {code}", lambda code=code: ucum.canonical(VALUE, code), bare)  # type: ignore[misc]
    fresh = Ucum(compile_essence(essence))
    counter = iter(range(1, 10**9))
    _row("first reading mg/(n.dL)", lambda: fresh.canonical(VALUE, f"mg/({next(counter)}.dL)"), bare)
    _row("load compiled tables", lambda: Ucum(msgspec.msgpack.decode(packed, type=UcumTables)), bare)
    _row("compile the essence", lambda: compile_essence(essence), bare)
    print(f"compiled tables: {len(packed)} bytes")


if __name__ == "__main__":
    main()
