"""Tables of a run for people, and the same as JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measure import Key, Series, ratio
from rich.console import Console
from rich.table import Table
from scale import Point
from targets import OURS, REF, Found, Verdict


def print_scenarios(console: Console, found: Found, sides: str = "ours | bare ceiling") -> None:
    """Print a row for each scenario and number of clients: ours, the ceiling, their ratio."""
    table = Table(title=f"{sides}; CPU in ms a request: server + database")
    for heading in ("scenario", "clients", "req/s", "", "ratio", "p50 ms", "", "p99 ms", "", "CPU", "", "others"):
        table.add_column(heading, justify="left" if heading == "scenario" else "right")
    previous = ""
    for key, ours in found[OURS].items():
        table.add_row(*_row(key, ours, found[REF][key], repeated=key[0] == previous))
        previous = key[0]
    console.print(table)


def _row(key: Key, ours: Series, ref: Series, *, repeated: bool) -> list[str]:
    def both(metric: str, form: str) -> list[str]:
        return [format(ours.median(metric), form), format(ref.median(metric), form)]

    return [
        "" if repeated else key[0],
        str(key[1]),
        *both("rate", ",.0f"),
        f"{ratio(ours, ref, 'rate'):.2f}",
        *both("p50_ms", ".2f"),
        *both("p99_ms", ".1f"),
        _cpu(ours),
        _cpu(ref),
        f"{ours.median('others'):.1f}",
    ]


def _cpu(series: Series) -> str:
    return f"{series.median('server_ms'):.2f}+{series.median('database_ms'):.2f}"


def print_scale(console: Console, points: Sequence[Point]) -> None:
    """Print the searches at each size, beside those of the small site measured in turn with them."""
    table = Table(title="searches at growing sizes | at the small size; CPU in ms a request: server + database")
    for heading in ("resources", "bytes each", "scenario", "clients", "p50 ms", "", "ratio", "CPU", ""):
        table.add_column(heading, justify="left" if heading == "scenario" else "right")
    for point in points:
        head = [f"{point.resources:,}", f"{point.bytes_each:,.0f}"]
        for (name, clients), large in point.series.items():
            small = point.small[name, clients]
            latencies = [f"{one.median('p50_ms'):.2f}" for one in (large, small)]
            table.add_row(
                *head, name, str(clients), *latencies, f"{ratio(large, small, 'p50_ms'):.2f}", _cpu(large), _cpu(small)
            )
            head = ["", ""]
    console.print(table)


def print_facts(console: Console, facts: Mapping[str, Any]) -> None:
    """Print single figures."""
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name, f"{value:,.2f}" if isinstance(value, float) else f"{value:,}")
    console.print(table)


def print_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Print targets, what was measured, and whether they are met."""
    table = Table(title="targets")
    for heading in ("target", "", "measured", ""):
        table.add_column(heading, justify="left" if heading == "target" else "right")
    for one in verdicts:
        relation = "≥" if one.at_least else "≤"
        met = "[green]met[/]" if one.met else "[red]missed[/]"
        table.add_row(one.name, f"{relation} {one.target:g}", f"{one.measured:,.3g}", met)
    console.print(table)


def as_json(series: Mapping[Key, Series]) -> list[dict[str, Any]]:
    """Return the medians and ranges of series."""
    return [{"scenario": name, "clients": clients, **one.summary()} for (name, clients), one in series.items()]


def verdicts_json(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Return targets and what was measured."""
    return [
        {
            "name": one.name,
            "at least" if one.at_least else "at most": one.target,
            "measured": float(f"{one.measured:.4g}"),
            "met": one.met,
        }
        for one in verdicts
    ]


def write(path: Path, result: Mapping[str, Any]) -> None:
    """Write the result, one scenario a line."""
    lines = []
    for name, value in result.items():
        if isinstance(value, list):
            rows = ",\n".join(f"    {json.dumps(row)}" for row in value)
            lines.append(f"  {json.dumps(name)}: [\n{rows}\n  ]")
        else:
            lines.append(f"  {json.dumps(name)}: {json.dumps(value)}")
    path.parent.mkdir(exist_ok=True)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
