"""The wall between dealerships (rows B-2a.13, B-2b.16): nobody's rows without saying whose.

A session has a scope: one dealership, or `ALL_DEALERSHIPS` for system work.

- ORM statements on tenant-owned tables are narrowed to the scope, wherever in the statement the
  entity stands; without a scope they raise.
- Core statements (`select(Vehicle.__table__)`) are never narrowed. Each of their tenant tables
  must be compared with a dealership (`table.c.dealership_id == …`, or equal to the
  `dealership_id` of another table that is); a value other than the scope raises.
- SQL as text that names a tenant table must name `dealership_id`.
- A flush raises for rows of another dealership than the scope's.

`TenantScopeMissing` is raised in every environment: a leak is worse than an error page. What goes
round the session (`session.connection()`, bulk_* methods) is not seen; a test keeps it out of app/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Table, event
from sqlalchemy.orm import (
    Mapped,
    Mapper,
    ORMExecuteState,
    Session,
    declared_attr,
    mapped_column,
    object_session,
    with_loader_criteria,
)
from sqlalchemy.schema import ForeignKey
from sqlalchemy.sql import operators
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, ColumnClause

from app.tenancy_reading import COLUMN, Reading, base_of, is_tenant_table, readings

ALL_DEALERSHIPS: Final = "all dealerships"
SCOPE: Final = "dealership_scope"

_tables: set[str] = set()
_without_mixin: list[type[Any]] = []


class TenantScopeMissing(RuntimeError):
    """A tenant-owned table was asked for without saying whose rows are meant."""


class TenantOwned:
    """Mix-in of every table whose rows belong to one dealership."""

    @declared_attr
    def dealership_id(cls) -> Mapped[int]:  # noqa: N805  a declared_attr is given the class
        return mapped_column(ForeignKey("dealership.id", ondelete="CASCADE"), nullable=False)


def scope(session: Any, dealership_id: int | str) -> None:
    """Says whose rows this session may see from here on: an id, or ALL_DEALERSHIPS.

    Changing from one dealership to another forgets the loaded rows of the first, so that neither
    `Session.get` nor a loaded relation hands them out; with unsaved changes it raises.
    """
    before = session.info.get(SCOPE)
    if before is not None and dealership_id not in (before, ALL_DEALERSHIPS):
        if session.new or session.dirty or session.deleted:
            raise TenantScopeMissing("the dealership changes while rows of another are unsaved")
        session.expunge_all()
    session.info[SCOPE] = dealership_id


# -- Statements --------------------------------------------------------------------------------


@event.listens_for(Session, "do_orm_execute")
def _guard_statement(state: ORMExecuteState) -> None:
    allowed = state.session.info.get(SCOPE)
    if allowed == ALL_DEALERSHIPS:
        return
    if isinstance(state.statement, Insert):
        _check_inserted(state, allowed)
    entities: set[Any] = set()
    for found in readings(_read_part(state.statement)):
        entities |= found.entities
        _check_core(found, allowed, state.parameters)
        _check_text(found)
    if entities and allowed is None:
        raise _missing(entities)
    if entities or state.is_orm_statement:
        _narrow(state, allowed)


def _read_part(statement: Any) -> Any:
    """An insert reads only by its SELECT; its rows, maybe thousands, need no walk."""
    return statement.select if isinstance(statement, Insert) else statement


def _check_core(found: Reading, allowed: Any, parameters: Any) -> None:
    """Every Core tenant table is tied to a dealership, directly or through another one."""
    if not found.core:
        return
    tied: set[Any] = set()
    links: list[tuple[Any, Any]] = []
    for comparison in found.equals:
        for mine, other in (
            (comparison.left, comparison.right),
            (comparison.right, comparison.left),
        ):
            if not _ties(comparison, mine, found.core):
                continue
            if getattr(other, "table", None) in found.core:
                links.append((mine.table, other.table))
            else:
                _check_value(other, allowed, parameters)
                tied.add(mine.table)
    for _ in links:
        tied |= {one for one, two in links if two in tied}
    if found.core - tied:
        raise _missing(found.core - tied)


def _ties(comparison: BinaryExpression[Any], side: Any, core: set[Any]) -> bool:
    if not isinstance(side, ColumnClause) or side.name != COLUMN or side.table not in core:
        return False
    return comparison.operator in (operators.eq, operators.in_op)


def _check_value(side: Any, allowed: Any, parameters: Any) -> None:
    """A value in the statement must be the scope's; one that comes with the call too."""
    if allowed is None or not isinstance(side, BindParameter):
        return
    for row in _rows(parameters):
        value = row.get(side.key, side.effective_value)
        values = value if isinstance(value, list | tuple | set) else [value]
        if any(one not in (None, allowed) for one in values):
            raise TenantScopeMissing("the statement names another dealership than the session's")


def _rows(parameters: Any) -> Iterable[Mapping[str, Any]]:
    if not parameters:
        return [{}]
    return [parameters] if isinstance(parameters, Mapping) else parameters


def _check_inserted(state: ORMExecuteState, allowed: Any) -> None:
    """Rows to insert belong to the scope's dealership, as far as they say it."""
    statement: Any = state.statement
    if allowed is None or not is_tenant_table(statement.table):
        return
    for row in _rows(state.parameters):
        _check_row(row, allowed)
    # The rows of .values(...) have no public reader.
    for rows in (*statement._multi_values, [statement._values or {}]):  # noqa: SLF001
        for row in rows:
            _check_row(row, allowed)


def _check_row(row: Any, allowed: Any) -> None:
    for key, value in row.items() if isinstance(row, Mapping) else ():
        plain = value.effective_value if isinstance(value, BindParameter) else value
        if getattr(key, "name", key) == COLUMN and isinstance(plain, int) and plain != allowed:
            raise TenantScopeMissing("a row of another dealership than the session's")


def _check_text(found: Reading) -> None:
    for text in found.texts:
        named = set(re.findall(r"\w+", text)) & _tables
        if named and COLUMN not in text:
            raise TenantScopeMissing(f"SQL text on {', '.join(sorted(named))} without {COLUMN}")


def _missing(tables: Iterable[Any]) -> TenantScopeMissing:
    names = sorted({base.name for table in tables if (base := base_of(table)) is not None})
    return TenantScopeMissing(
        f"{', '.join(names)}: set the session's scope (unit_of_work(dealership_id), scope()); "
        f"Core tables also need {COLUMN} compared in the statement"
    )


def _narrow(state: ORMExecuteState, dealership_id: Any) -> None:
    """Adds the scope's condition to every tenant entity of the statement.

    Relation loads come through here too, because rows that were inserted and not selected carry
    no criteria. SQLAlchemy reads the closure's value at every call: no id stays in its cache.
    """
    if state.is_column_load or dealership_id is None or not hasattr(state.statement, "options"):
        return
    state.statement = state.statement.options(*_criteria(dealership_id, tuple(_without_mixin)))


@lru_cache(maxsize=256)
def _criteria(dealership_id: int, without_mixin: tuple[type[Any], ...]) -> list[Any]:
    """The conditions of one scope. They never change, and making them costs every statement."""
    by_mixin = with_loader_criteria(
        TenantOwned, lambda cls: cls.dealership_id == dealership_id, include_aliases=True
    )
    others = (
        with_loader_criteria(one, one.dealership_id == dealership_id, include_aliases=True)
        for one in without_mixin
    )
    return [by_mixin, *others]


# -- Rows that the session writes by itself ----------------------------------------------------


@event.listens_for(Mapper, "after_mapper_constructed")
def _know_table(mapper: Mapper[Any], entity: type[Any]) -> None:
    """Remembers tenant tables; those with an optional owner do not use the mix-in."""
    table = mapper.local_table
    if not isinstance(table, Table) or not is_tenant_table(table):
        return
    _tables.add(table.name)
    if not issubclass(entity, TenantOwned):
        _without_mixin.append(entity)


def _guard_row(_mapper: Any, _connection: Any, row: Any) -> None:
    session = object_session(row)
    allowed = session.info.get(SCOPE) if session is not None else None
    if allowed not in (None, ALL_DEALERSHIPS, row.dealership_id):
        raise TenantScopeMissing(
            f"{type(row).__name__} of dealership {row.dealership_id} in a session of {allowed}"
        )


for _moment in ("before_insert", "before_update", "before_delete"):
    event.listen(TenantOwned, _moment, _guard_row, propagate=True)
