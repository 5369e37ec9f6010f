"""Changing a query by replacing parts of its text: the rest stays as it was written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot.tokenizer_core import Token, TokenType

from call_coach_assets.errors import ConfigurationError
from call_coach_assets.sync.query import DIALECT, REMEMBERED_QUERIES, Span

_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE}
_AFTER_WHERE = {
    TokenType.GROUP_BY, TokenType.HAVING, TokenType.QUALIFY, TokenType.WINDOW, TokenType.ORDER_BY, TokenType.LIMIT,
    TokenType.SEMICOLON,
}  # fmt: skip


@dataclass(frozen=True)
class FinalSelect:
    """The parts of a query's last SELECT: the expression of each column, the end of the list, the condition."""

    expressions: dict[str, Span]
    list_end: int
    condition: Span


def replaced(text: str, edits: Iterable[tuple[Span, str]]) -> str:
    """The text with each span replaced; spans must not overlap."""
    for span, new in sorted(edits, key=lambda edit: edit[0].start, reverse=True):
        text = text[: span.start] + new + text[span.end :]
    return text


def by_keys(text: str, column: str) -> str:
    """The query that reads the rows whose `column` is one of the array parameter `@keys`, in place of its condition."""
    final = final_select(text)
    if column not in final.expressions:
        raise ConfigurationError(f"The query yields no column {column}", remedy="declare it and select it in query.sql")
    span = final.expressions[column]
    return replaced(text, [(final.condition, f"CAST({text[span.start : span.end]} AS STRING) IN UNNEST(@keys)")])


@lru_cache(REMEMBERED_QUERIES)
def final_select(text: str) -> FinalSelect:
    """Find the parts of the last SELECT. Raises ConfigurationError where it has no FROM or no WHERE."""
    outermost = _outermost(sqlglot.tokenize(text, dialect=DIALECT))
    select = _last(outermost, TokenType.SELECT)
    read_from = _last(outermost, TokenType.FROM)
    where = _last(outermost, TokenType.WHERE)
    if not 0 <= select < read_from < where:
        raise ConfigurationError(
            "The query cannot be read by key",
            why="its last SELECT has no FROM or no WHERE outside of parentheses",
            remedy="give it a WHERE that compares _fivetran_synced with @cursor",
        )
    after = [i for i, token in enumerate(outermost) if i > where and token.token_type in _AFTER_WHERE]
    condition = outermost[where + 1 : after[0] if after else None]
    items = _items(outermost[select + 1 : read_from])
    return FinalSelect(dict(items), outermost[read_from - 1].end + 1, Span(condition[0].start, condition[-1].end + 1))


def _outermost(tokens: list[Token]) -> list[Token]:
    """The tokens outside of parentheses; a pair of parentheses is there as its two ends."""
    depth, found = 0, []
    for token in tokens:
        depth -= token.token_type in _CLOSING
        if depth == 0:
            found.append(token)
        depth += token.token_type in _OPENING
    return found


def _last(tokens: list[Token], kind: TokenType) -> int:
    return max((i for i, token in enumerate(tokens) if token.token_type is kind), default=-1)


def _items(tokens: list[Token]) -> list[tuple[str, Span]]:
    """The name and the expression of each item of a select list."""
    items: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type is TokenType.COMMA:
            items.append([])
        else:
            items[-1].append(token)
    return [_item(item) for item in items if item]


def _item(tokens: list[Token]) -> tuple[str, Span]:
    named = len(tokens) > 2 and tokens[-2].token_type is TokenType.ALIAS
    end = tokens[-3] if named else tokens[-1]
    return tokens[-1].text, Span(tokens[0].start, end.end + 1)
