"""Log lines: one line each, `key=value` pairs, on standard error, without secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from json import dumps

from call_coach_assets.cli.redaction import current_secrets, redact

PACKAGE = "call_coach_assets"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Line(logging.Formatter):
    """A record as `time=… level=… logger=… msg="…"` followed by the fields given as `extra`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line, secrets masked."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return redact(" ".join(f"{name}={_value(value)}" for name, value in fields.items()), self._secrets)


def set_up_logging(*, verbose: bool = False) -> None:
    """Log this package at INFO to standard error; on a terminal only warnings, unless `verbose`. Safe to repeat."""
    logger = logging.getLogger(PACKAGE)
    for old in [handler for handler in logger.handlers if isinstance(handler.formatter, Line)]:
        logger.removeHandler(old)
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(Line(current_secrets()))
    logger.addHandler(output)
    logger.setLevel(logging.WARNING if sys.stderr.isatty() and not verbose else logging.INFO)
    logger.propagate = False


def _value(value: object) -> str:
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    plain = text and not any(character.isspace() or character in '"=' for character in text)
    return text if plain else dumps(text, ensure_ascii=False)
