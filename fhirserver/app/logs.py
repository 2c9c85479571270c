"""Structured logs on standard error: JSON lines for machines, coloured columns for people.

Never a query string, a body, an id of a resource or a person: of an exception only its type and the places it
passed are written, because its text may quote what a client sent.
"""

import logging
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from fhirserver.repository.services import SlowSearch
from fhirserver.settings import LogFormat, LogLevel, Settings

_LEVELS: Final = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}
# What these say at `info` concerns their own mechanics, not the server's operator.
_QUIET: Final = ("pymongo", "asyncio", "uvicorn.error")

_LINE: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def configure_logs(settings: Settings, stream: TextIO | None = None) -> None:
    """Send the structured log and what libraries log to ``stream``, standard error unless given."""
    stream = stream or sys.stderr
    level = _LEVELS[settings.log_level]
    render = _renderers(settings.log_format)
    structlog.configure(
        processors=[structlog.processors.add_log_level, *_shared(), *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, *_shared()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logging.root.handlers = [handler]
    logging.root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _shared() -> list[Processor]:
    return [structlog.processors.TimeStamper(fmt="iso", utc=True), _withhold_exception_text]


def _renderers(log_format: LogFormat) -> list[Processor]:
    match log_format:
        case LogFormat.JSON:
            return [_to_json]
        case LogFormat.CONSOLE:
            return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _to_json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    return orjson.dumps(event, default=str).decode()


def _withhold_exception_text(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Replace ``exc_info`` by the exception's type and the places it passed."""
    info = _exception_info(event.pop("exc_info", None))
    if info is not None:
        kind, _, trace = info
        event["exception"] = f"{kind.__module__}.{kind.__qualname__}"
        event["stack"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)]
    return event


def _exception_info(given: Any) -> ExceptionInfo | None:  # noqa: ANN401 - whatever a library passes as exc_info
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    if isinstance(given, tuple) and given[0] is not None:
        return given
    current = sys.exc_info() if given else (None, None, None)
    return (current[0], current[1], current[2]) if current[0] is not None and current[1] is not None else None


def notice(text: str) -> None:
    """Tell the operator one sentence that asks for attention."""
    structlog.get_logger().warning(text)


def log_slow_search(search: SlowSearch) -> None:
    """Log a search that took long: its plan has no values in it."""
    structlog.get_logger().warning(
        "slow search", types=search.types, plan=search.plan, duration_ms=round(search.duration_s * 1000)
    )


RequestLog = Callable[[dict[str, Any]], None]
"""Writes the line of one request: names and numbers, nothing of its content."""


def request_log(settings: Settings, stream: TextIO | None = None) -> RequestLog:
    """Return what writes one line per request; JSON lines are made without structlog, in a tenth of its time."""
    if _LEVELS[settings.log_level] > logging.INFO:
        return _write_nothing
    if settings.log_format is LogFormat.CONSOLE:
        logger = structlog.get_logger()
        return lambda fields: logger.info("request", **fields)
    write = (stream or sys.stderr).write

    def write_line(fields: dict[str, Any]) -> None:
        line = {"timestamp": datetime.now(UTC), "level": "info", "event": "request", **fields}
        write(orjson.dumps(line, option=_LINE).decode())

    return write_line


def _write_nothing(fields: dict[str, Any]) -> None:
    """Leave requests out of a log that begins at warnings."""
