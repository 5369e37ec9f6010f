"""One text for one value at both ends: what is hashed to compare a column of BigQuery with a column of Postgres.

For each type of column there is an expression in GoogleSQL and one in Postgres, of which the texts are equal where the
values are. A checksum is made of the first 60 bits of the MD5 of the row's key and the text, so that equal values of
different rows do not cancel each other when they are XORed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from psycopg import sql

from call_coach_assets.sync.digests import ABSENT, PRESENT, SEPARATOR
from call_coach_assets.sync.entity import ColumnType

_SCALE = 9  # of a NUMERIC, where the target's column has none of its own
_SOURCE: dict[ColumnType, str] = {
    ColumnType.TEXT: r"REGEXP_REPLACE(CAST({0} AS STRING), r'\x00', '�')",  # as the landing does
    ColumnType.INTEGER: "CAST(SAFE_CAST({0} AS INT64) AS STRING)",
    ColumnType.BOOLEAN: "CAST(SAFE_CAST({0} AS BOOL) AS STRING)",
    ColumnType.DATE: "CAST(SAFE_CAST({0} AS DATE) AS STRING)",
    ColumnType.TIMESTAMP: "CAST(UNIX_MICROS(SAFE_CAST({0} AS TIMESTAMP)) AS STRING)",
    ColumnType.TEXT_ARRAY: "CONCAT(CAST(COALESCE(ARRAY_LENGTH(JSON_VALUE_ARRAY({0})), 0) AS STRING), ':',"
    " COALESCE(REGEXP_REPLACE(ARRAY_TO_STRING(JSON_VALUE_ARRAY({0}), '␟'), r'\\x00', '�'), ''))",
}
_TARGET: dict[ColumnType, Callable[[sql.Composable], sql.Composed]] = {
    ColumnType.TEXT: lambda c: sql.SQL("{}::text").format(c),
    ColumnType.INTEGER: lambda c: sql.SQL("{}::text").format(c),
    ColumnType.BOOLEAN: lambda c: sql.SQL("{}::text").format(c),
    ColumnType.DATE: lambda c: sql.SQL("to_char({}, 'YYYY-MM-DD')").format(c),
    ColumnType.TIMESTAMP: lambda c: sql.SQL("(extract(epoch FROM {}) * 1000000)::bigint::text").format(c),
    ColumnType.TEXT_ARRAY: lambda c: sql.SQL("cardinality({0}) || ':' || array_to_string({0}, '␟')").format(c),
}


def source_text(column: str, kind: ColumnType, scale: int | None = None) -> str:
    """GoogleSQL: the text of a value of the query, NULL where it is NULL. `scale` is that of the target's column."""
    if kind is not ColumnType.DECIMAL:
        return _SOURCE[kind].format(column)
    number = f"CAST(ROUND(SAFE_CAST({column} AS NUMERIC), {_SCALE if scale is None else scale}) AS STRING)"
    return f"IF(STRPOS({number}, '.') > 0, RTRIM(RTRIM({number}, '0'), '.'), {number})"


def target_text(column: sql.Composable, kind: ColumnType, scale: int | None = None) -> sql.Composed:
    """Postgres: the text of a value of the target, NULL where it is NULL."""
    if kind is not ColumnType.DECIMAL:
        return _TARGET[kind](column)
    return sql.SQL("trim_scale(round({}, {}))::text").format(column, sql.Literal(_SCALE if scale is None else scale))


def source_value(text: str) -> str:
    """GoogleSQL: the text, or what stands for NULL, which no text equals."""
    return f"COALESCE(CONCAT('{PRESENT}', {text}), '{ABSENT}')"


def target_value(text: sql.Composable) -> sql.Composed:
    """Postgres: the text, or what stands for NULL, which no text equals."""
    return sql.SQL("coalesce({} || {}, {})").format(sql.Literal(PRESENT), text, sql.Literal(ABSENT))


def source_checksum(names: Sequence[str]) -> str:
    """GoogleSQL: 60 bits, as an INT64, of the texts `names`, of which the first is the row's key."""
    texts = f", '{SEPARATOR}', ".join(names)
    return f"CAST(CONCAT('0x', SUBSTR(TO_HEX(MD5(CONCAT({texts}))), 1, 15)) AS INT64)"


def target_checksum(names: Sequence[sql.Composable]) -> sql.Composed:
    """Postgres: the same 60 bits, as a bigint."""
    texts = sql.SQL(f" || '{SEPARATOR}' || ").join(names)
    return sql.SQL("('x' || substr(md5({}), 1, 15))::bit(60)::bigint").format(texts)


def source_bucket(key: str, digits: int) -> str:
    """GoogleSQL: which of 16 ** digits buckets a key belongs to."""
    return f"SUBSTR(TO_HEX(MD5({key})), 1, {digits})"


def target_bucket(key: sql.Composable, digits: int) -> sql.Composed:
    """Postgres: which of 16 ** digits buckets a key belongs to."""
    return sql.SQL("substr(md5({}), 1, {})").format(key, sql.Literal(digits))
