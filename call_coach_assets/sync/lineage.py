"""From which columns of the source each column of a query is computed."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.query import Query, Source, physical_name, read_query, source_of

SourceColumn = tuple[str, str]  # ("gong.call", "title")


def lineage(entity: Entity) -> dict[str, list[SourceColumn]]:
    """For each declared column, the source columns of which its value is made, sorted; conditions do not count."""
    traced = Lineage(read_query(entity.query))
    return {column.name: sorted(traced.of_output(column.name)) for column in entity.columns}


class Lineage:
    """Follows columns through CTEs, subqueries, unions and UNNEST down to the warehouse's tables."""

    def __init__(self, query: Query) -> None:
        self._tree = query.tree
        self._ctes = {cte.alias: cte.this for cte in query.tree.find_all(exp.CTE)}
        self._known: dict[tuple[int, str], frozenset[SourceColumn]] = {}

    def of_output(self, name: str) -> frozenset[SourceColumn]:
        """What a column that the query yields is made of."""
        return self._of_projection(self._tree, name)

    def of_joins(self) -> frozenset[SourceColumn]:
        """What the conditions of all joins are made of."""
        conditions = [join.args["on"] for join in self._tree.find_all(exp.Join) if join.args.get("on")]
        return self._of_all(conditions)

    def _of_all(self, expressions: Iterable[exp.Expression]) -> frozenset[SourceColumn]:
        columns = [column for expression in expressions for column in expression.find_all(exp.Column)]
        return frozenset().union(*(self._of_column(source_of(column), column.name) for column in columns))

    def _of_column(self, source: Source | None, name: str) -> frozenset[SourceColumn]:
        table = physical_name(source)
        if table is not None:
            return frozenset({(table, name)})
        if source is None:
            return frozenset()
        key = (id(source), name)
        if key not in self._known:
            self._known[key] = self._within(source, name)
        return self._known[key]

    def _within(self, source: Source, name: str) -> frozenset[SourceColumn]:
        if isinstance(source, exp.Unnest):
            return self._of_all(_element(source, name))
        return self._of_projection(self._ctes[source.name] if isinstance(source, exp.Table) else source.this, name)

    def _of_projection(self, query: exp.Query, name: str) -> frozenset[SourceColumn]:
        if name not in query.named_selects:
            return frozenset()
        position = query.named_selects.index(name)
        return self._of_all(select.expressions[position] for select in _branches(query))


def _branches(query: exp.Query) -> list[exp.Query]:
    if isinstance(query, exp.SetOperation):
        return [*_branches(query.left), *_branches(query.right)]
    return [query]


def _element(unnest: exp.Unnest, name: str) -> list[exp.Expression]:
    """The field `name` of the structs in an UNNEST, or all that is unnested where it has none of the name."""
    whole: list[exp.Expression] = unnest.expressions
    inner = whole[0].find(exp.Struct, exp.Select) if whole else None
    fields = [field for field in (inner.expressions if inner is not None else []) if field.alias_or_name == name]
    return fields or whole
