"""Settings out of command line options and the environment."""

from pydantic import ValidationError

from fhirserver.cli.problems import UsageProblem
from fhirserver.settings import ENV_PREFIX, Settings


def resolve_settings(**given: object) -> Settings:
    """Return the settings with the options given; raises UsageProblem naming all that are wrong."""
    try:
        return Settings.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as problem:
        raise UsageProblem("; ".join(_explain(error["loc"], error["msg"]) for error in problem.errors())) from None


def _explain(location: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    if not location:
        return f"{text}."
    name = str(location[0])
    return f"{text} (`--{name.replace('_', '-')}`, `{ENV_PREFIX}{name.upper()}`)."
