"""What an operator can set or run is described in `docs/`, with the defaults it really has."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fhirserver.app.metrics import Metrics
from fhirserver.cli.main import app
from fhirserver.kernel.exchange import Interaction
from fhirserver.kernel.outcome import FhirError
from fhirserver.settings import Settings

DOCS = Path(__file__).resolve().parents[2] / "docs"
SETTINGS = (DOCS / "settings.md").read_text()
COMMANDS = (DOCS / "commands.md").read_text()


def documented_defaults() -> dict[str, str]:
    """Return the default of each variable in the tables of `settings.md`."""
    return dict(re.findall(r"^\| `FHIRSERVER_(\w+)` \|\s*`?([^`|]*?)`?\s*\|", SETTINGS, re.MULTILINE))


def shown(value: object) -> str:
    """Write a default as the tables do."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_every_setting_is_documented_with_its_default() -> None:
    defaults = {name.upper(): shown(field.default) for name, field in Settings.model_fields.items()}
    assert documented_defaults() == defaults


def commands() -> list[str]:
    return [str(command.callback.__name__) for command in app.registered_commands if command.callback]


def commands_of_groups() -> list[str]:
    return [
        f"{group.typer_instance.info.name} {command.name or command.callback.__name__}"
        for group in app.registered_groups
        if group.typer_instance
        for command in group.typer_instance.registered_commands
        if command.callback
    ]


@pytest.mark.parametrize("command", [*commands(), *commands_of_groups()])
def test_every_command_is_documented(command: str) -> None:
    assert f"## fhirserver {command}" in COMMANDS


@pytest.mark.parametrize("command", commands())
def test_every_option_of_a_command_has_a_setting_or_is_documented(command: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "fhirserver", command, "--help"],
        env={"COLUMNS": "200", "PATH": "", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    options = set(re.findall(r"--([a-z-]+)", run.stdout)) - {"help"}
    variables = {name.lower().replace("_", "-") for name in documented_defaults()}
    assert options
    missing = {o for o in options if o.removeprefix("no-") not in variables and f"`--{o}" not in COMMANDS}
    assert missing == set()


def test_every_option_of_serve_has_a_setting() -> None:
    serve = next(c.callback for c in app.registered_commands if c.callback and c.callback.__name__ == "serve")
    options = set(serve.__annotations__) - {"return"}
    assert options <= set(Settings.model_fields)


@pytest.mark.parametrize("interaction", Interaction)
def test_every_interaction_has_its_page(interaction: Interaction) -> None:
    name = interaction.partition("-")[0]
    page = (DOCS / "interaction" / f"{name}.md").read_text()
    assert "http://hl7.org/fhir/R4/" in page
    assert "| status | when |" in page
    assert "## Not done" in page


def all_errors(kind: type[FhirError] = FhirError) -> set[tuple[int, str]]:
    """Return the status and issue code of every error there is."""
    return {(kind.status, kind.code.value)}.union(*(all_errors(child) for child in kind.__subclasses__()))


def test_every_error_is_documented() -> None:
    table = (DOCS / "interaction" / "errors.md").read_text()
    documented = {
        (int(status), code) for status, code in re.findall(r"^\| (\d{3}) \| `([a-z-]+)`", table, re.MULTILINE)
    }
    assert documented == all_errors()


def test_every_metric_is_documented() -> None:
    page = (DOCS / "operations.md").read_text()
    kinds = re.findall(r"^# TYPE (\w+) ", Metrics().render().decode(), re.MULTILINE)
    names = [name for name in kinds if not name.endswith("_created")]
    assert names
    assert [name for name in names if f"`{name}`" not in page] == []


def test_links_between_the_documents_lead_somewhere() -> None:
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
