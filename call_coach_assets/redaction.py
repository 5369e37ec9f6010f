"""Keeps secrets out of whatever a person, a log, a history or another system sees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import parse_qsl, unquote

MASK = "•••"
SHORTEST = 4
_ENDS_OF_PARTS = re.compile(r"[/?#@:]")  # where a parser that meets them unencoded in a password cuts it
_SECRET_PARAMETERS = {"password", "sslpassword", "passfile"}


def redact(text: str, secrets: Iterable[str]) -> str:
    """Mask each of `secrets` in `text`: plain, percent-decoded, or quoted, however often, by JSON or by Python."""
    pattern = _pattern(tuple(secrets))
    return pattern.sub(MASK, text) if pattern else text


@lru_cache(maxsize=16)
def _pattern(secrets: tuple[str, ...]) -> re.Pattern[str] | None:
    """What matches a secret, the longest first, since one may hold another; None where there is none."""
    plain = {spelling for secret in secrets for spelling in (secret, unquote(secret))}
    spellings = plain | {json.dumps(text)[1:-1] for text in plain if not text.isascii()}
    known = sorted((text for text in spellings if len(text) >= SHORTEST), key=len, reverse=True)
    return re.compile("|".join("".join(map(_quoted, text)) for text in known)) if known else None


def _quoted(character: str) -> str:
    """A pattern for one character of a secret, within quotes of any depth."""
    if character == "\\":
        return r"\\+"
    return rf"\\*{character}" if character in "\"'" else re.escape(character)


def secrets_in_url(url: str) -> tuple[str, ...]:
    """What is secret in a URL: the password, the pieces that a parser may show where it is badly encoded, parameters.

    Of a web address that is secret as a whole, such as a webhook's, see `path_of`.
    """
    return tuple(dict.fromkeys(text for text in _within(url) if len(text) >= SHORTEST))


def path_of(url: str) -> str:
    """The path of a web address: an HTTP client's errors tell it without the host. Empty for other URLs."""
    scheme, _, rest = url.partition("://")
    return "/" + rest.partition("/")[2] if scheme in {"http", "https"} and "/" in rest else ""


def without_credentials(url: str) -> str:
    """The URL without user and password."""
    scheme, separator, rest = url.rpartition("://")
    return scheme + separator + rest.rpartition("@")[2]


def _within(url: str) -> Iterator[str]:
    rest = url.rpartition("://")[2]
    user, at, place = rest.rpartition("@")
    password = user.partition(":")[2] if at else ""
    yield password
    yield from _ENDS_OF_PARTS.split(password)
    yield from (value for name, value in parse_qsl(place.partition("?")[2]) if name in _SECRET_PARAMETERS)
