"""What a statement asks for: the eyes of the wall in app/tenancy.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Table
from sqlalchemy.sql.elements import BinaryExpression, ColumnClause, TextClause
from sqlalchemy.sql.selectable import AliasedReturnsRows, SelectBase, Subquery

COLUMN: Final = "dealership_id"
# Rows that a person owns across dealerships: sign-in itself must find them.
SHARED_WITH_PERSONS = {"membership", "api_token"}

_walked: WeakKeyDictionary[Any, Sequence[Reading]] = WeakKeyDictionary()


def is_tenant_table(table: Table) -> bool:
    """Whether the rows of a table belong to dealerships."""
    return COLUMN in table.c and table.name not in SHARED_WITH_PERSONS


def readings(statement: Any) -> Sequence[Reading]:
    """What each level of a statement asks for. A statement never changes once it is made, so one
    that a module keeps is walked once; the values of each call are still checked every time."""
    if statement is None:
        return ()
    if statement not in _walked:
        _walked[statement] = [Reading(elements) for elements in _levels(statement)]
    return _walked[statement]


def _levels(statement: Any) -> Iterator[list[Any]]:
    """The elements of a statement, then those of each statement inside it, by themselves."""
    pending = [statement]
    while pending:
        elements, stack = [], [pending.pop()]
        while stack:
            elements.append(stack.pop())
            for child in elements[-1].get_children():
                (pending if isinstance(child, SelectBase) else stack).append(child)
        yield elements


class Reading:
    """What one level asks for: ORM entities, Core tables, comparisons, text.

    A plain table stands once in a level: columns without mark of an entity's table (the ORM's own
    primary key conditions) belong to the entity.
    """

    def __init__(self, elements: Iterable[Any]) -> None:
        self.entities: set[Any] = set()
        self.core: set[Any] = set()
        self.texts: list[str] = []
        self.equals: list[BinaryExpression[Any]] = []
        for element in elements:
            if isinstance(element, ColumnClause):
                self._column(element)
            elif isinstance(element, Table) and is_tenant_table(element):
                (self.entities if _is_entity(element) else self.core).add(element)
            elif isinstance(element, BinaryExpression):
                self.equals.append(element)
            elif isinstance(element, TextClause):
                self.texts.append(element.text)
        aliased = {base_of(table) for table in self.core if not isinstance(table, Table)}
        self.core -= self.entities | aliased

    def _column(self, column: ColumnClause[Any]) -> None:
        table = base_of(column.table)
        if table is None or not is_tenant_table(table):
            return
        if _is_entity(column):
            self.entities |= {column.table, table}
        else:
            self.core.add(column.table)


def _is_entity(element: Any) -> bool:
    marks = element._annotations  # noqa: SLF001  how SQLAlchemy marks what came from a mapped class
    return "parententity" in marks or "parentmapper" in marks


def base_of(selectable: Any) -> Table | None:
    """The table behind a chain of aliases; a subquery has none, its inside is read itself."""
    while isinstance(selectable, AliasedReturnsRows) and not isinstance(selectable, Subquery):
        selectable = selectable.element
    return selectable if isinstance(selectable, Table) else None
