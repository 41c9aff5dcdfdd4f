"""Writes of one item: assignments and conditions, each clause beside its values.

    update = Update()
    update.set("on_hand", 12)
    update.add("version", 1)
    update.set_minus("available", 12, "reserved")
    update.remove("deadline")
    # Holds while no other feed has written.
    update.require("feed_version = {}", 7)
    tables.write("update_item", **update.request(table, pk, sk))

In the text of a clause ``{}`` stands for a value, or for an Attribute whose name is known only at
run time. Names that DynamoDB reserves (``last``, ``state``) are written with ``#``.

The same clauses make the arguments of ``update_item`` and the parts of transactions (here), and
PartiQL statements (shared/aws/statement.py). Their texts depend on the clauses, not on the values:
they are made once and kept, because most writes have one of a few forms.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from typing import Any, Literal, NamedTuple

from shared.aws.items import to_attribute

RESERVED = frozenset({"last", "number", "source", "state", "ttl"})
"""The attributes of NoRain whose names are words of DynamoDB's expression language."""
ALIAS = re.compile(r"#(\w+)")
TEXTS_KEPT = 2048


class Attribute(str):
    """The name of an attribute, as an argument of a clause."""

    __slots__ = ()


Kind = Literal["set", "add", "plus", "minus", "assign", "remove", "require"]
VALUES = {"set": 1, "add": 2, "plus": 2, "minus": 2, "remove": 0}
"""The numbers of values: ``add`` has its start and its units, ``plus`` and ``minus`` their units
and a 0."""


class Clause(NamedTuple):
    """A clause without its values. ``text`` is the name of an attribute, or a text whose fields
    stand for ``arguments``: the name of an attribute, or None for a value."""

    kind: Kind
    text: str
    arguments: tuple[str | None, ...] = ()

    @property
    def values(self) -> int:
        """The number of values that belong to the clause."""
        return VALUES.get(self.kind, self.arguments.count(None))


ONE_VALUE = (None,)
SIGNS = {"plus": "+", "minus": "-"}


class Condition:
    """The conditions of one write, joined by AND. It is written while all of them hold."""

    __slots__ = ("clauses", "values")

    def __init__(self) -> None:
        self.clauses: list[Clause] = []
        self.values: list[Any] = []
        """The values of all clauses, in their order."""

    def require(self, condition: str, *arguments: Any) -> None:
        """Adds ``condition``."""
        self._put("require", condition, arguments)

    def arguments(self) -> dict[str, Any]:
        """The arguments of boto3: the expressions, and the names and values that they use."""
        expressions, names = _expressions(tuple(self.clauses))
        arguments: dict[str, Any] = dict(expressions)
        if names:
            arguments["ExpressionAttributeNames"] = dict(names)
        if self.values:
            arguments["ExpressionAttributeValues"] = {
                f":v{number}": to_attribute(value) for number, value in enumerate(self.values)
            }
        return arguments

    def _put(self, kind: Kind, text: str, arguments: tuple[Any, ...]) -> None:
        if len(arguments) == 1 and type(arguments[0]) is not Attribute:
            self.clauses.append(Clause(kind, text, ONE_VALUE))
            self.values.append(arguments[0])
            return
        names = tuple(
            str(argument) if type(argument) is Attribute else None for argument in arguments
        )
        self.clauses.append(Clause(kind, text, names))
        self.values += [argument for argument in arguments if type(argument) is not Attribute]


class Update(Condition):
    """The assignments to one item, and the conditions on which they are written."""

    __slots__ = ()

    def set(self, name: str, value: Any) -> None:
        """Sets an attribute to ``value``."""
        self.clauses.append(Clause("set", name))
        self.values.append(value)

    def add(self, name: str, units: int, start: int = 0) -> None:
        """Adds ``units`` to a number; one that is not there yet begins with ``start``."""
        self.clauses.append(Clause("add", name))
        self.values += (start, units)

    def set_plus(self, name: str, units: int, other: str) -> None:
        """Sets a number to ``units`` + the number ``other``, which is 0 while it is missing."""
        self.clauses.append(Clause("plus", name, (other,)))
        self.values += (units, 0)

    def set_minus(self, name: str, units: int, other: str) -> None:
        """Sets a number to ``units`` - the number ``other``, which is 0 while it is missing."""
        self.clauses.append(Clause("minus", name, (other,)))
        self.values += (units, 0)

    def assign(self, assignment: str, *arguments: Any) -> None:
        """Sets an attribute to a term, such as ``"on_hand = {} + reserved"``."""
        self._put("assign", assignment, arguments)

    def remove(self, *names: str) -> None:
        self.clauses += (Clause("remove", name) for name in names)

    def request(self, table: str, pk: str, sk: str) -> dict[str, Any]:
        """The arguments of ``update_item``, or of the Update of a transaction."""
        return {
            "TableName": table,
            "Key": {"pk": {"S": pk}, "sk": {"S": sk}},
            **self.arguments(),
        }


def fields(clause: Clause) -> Iterator[tuple[str, int | None]]:
    """The pieces of the clause's text, each with the number of the argument behind it."""
    unnamed = 0
    for text, name, _, _ in Formatter().parse(clause.text):
        if name:
            yield text, int(name)
        elif name is None:
            yield text, None
        else:
            yield text, unnamed
            unnamed += 1


@dataclass(slots=True)
class _Names:
    """The aliases of names that cannot stand in an expression."""

    aliases: dict[str, str]

    def of(self, name: str) -> str:
        if name.isidentifier() and name not in RESERVED:
            return name
        if name not in self.aliases:
            known = name in RESERVED
            self.aliases[name] = f"#{name}" if known else f"#n{len(self.aliases)}"
        return self.aliases[name]


@lru_cache(TEXTS_KEPT)
def _expressions(
    clauses: tuple[Clause, ...],
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """The expressions by boto3's names, and (alias, name) of the attributes with an alias."""
    assignments: list[str] = []
    removed: list[str] = []
    conditions: dict[str, None] = {}
    names = _Names({})
    value = 0
    for clause in clauses:
        match clause.kind:
            case "set":
                assignments.append(f"{names.of(clause.text)} = :v{value}")
            case "add":
                name = names.of(clause.text)
                assignments.append(f"{name} = if_not_exists({name}, :v{value}) + :v{value + 1}")
            case "plus" | "minus":
                name, other = names.of(clause.text), names.of(str(clause.arguments[0]))
                assignments.append(
                    f"{name} = :v{value} {SIGNS[clause.kind]} if_not_exists({other}, :v{value + 1})"
                )
            case "assign":
                assignments.append(_filled(clause, names, value))
            case "remove":
                removed.append(names.of(clause.text))
            case "require":
                text = _filled(clause, names, value)
                conditions[f"({text})" if " OR " in text else text] = None
        value += clause.values
    changes = [
        f"{word} {', '.join(texts)}"
        for word, texts in (("SET", assignments), ("REMOVE", removed))
        if texts
    ]
    expressions = {
        "UpdateExpression": " ".join(changes),
        "ConditionExpression": " AND ".join(conditions),
    }
    return (
        tuple((name, text) for name, text in expressions.items() if text),
        tuple((alias, name) for name, alias in names.aliases.items()),
    )


def _filled(clause: Clause, names: _Names, first: int) -> str:
    """The clause's text with names and placeholders; ``first`` is the number of its first value."""
    numbers = value_numbers(clause, first)
    for name in ALIAS.findall(clause.text):
        names.aliases[name] = f"#{name}"
    text = ""
    for piece, argument in fields(clause):
        text += piece
        if argument is not None:
            attribute = clause.arguments[argument]
            text += f":v{numbers[argument]}" if attribute is None else names.of(attribute)
    return text


def value_numbers(clause: Clause, first: int) -> dict[int, int]:
    """The number of the value of each argument of the clause that is a value."""
    values: Iterable[int] = (
        number for number, attribute in enumerate(clause.arguments) if attribute is None
    )
    return {argument: first + offset for offset, argument in enumerate(values)}
