"""Update and condition expressions of DynamoDB, each clause beside its values.

    update = Update()
    update.set("on_hand", 12)
    update.add("version", 1)
    update.assign("available = {} - if_not_exists(reserved, {})", 12, 0)
    update.remove("deadline")
    # Holds while no other feed has written.
    update.require("feed_version = {}", 7)
    tables.write("update_item", **update.request(table, pk, sk))

In the text of a clause ``{}`` stands for a value, or for an Attribute whose name is known only at
run time. Names that DynamoDB reserves (``last``, ``state``) are written with ``#``.
"""

import re
from typing import Any

from shared.aws.items import Item, to_attribute

RESERVED = frozenset({"last", "number", "state", "ttl"})
"""The attributes of NoRain whose names are words of DynamoDB's expression language."""
ALIAS = re.compile(r"#(\w+)")


class Attribute(str):
    """The name of an attribute, as an argument of a clause."""

    __slots__ = ()


class Condition:
    """The conditions of one write, joined by AND. It is written while all of them hold."""

    __slots__ = ("_aliases", "_conditions", "_placeholders", "_values")

    def __init__(self) -> None:
        self._conditions: dict[str, None] = {}
        self._aliases: dict[str, str] = {}
        self._values: Item = {}
        self._placeholders: dict[int | str, str] = {}

    def require(self, condition: str, *arguments: Any) -> None:
        """Adds ``condition``; a condition that has been added before counts once."""
        text = self._filled(condition, arguments)
        self._conditions[f"({text})" if " OR " in text else text] = None

    def arguments(self) -> dict[str, Any]:
        """The arguments of boto3: the expression, and the names and values that it uses."""
        arguments: dict[str, Any] = {}
        if self._conditions:
            arguments["ConditionExpression"] = " AND ".join(self._conditions)
        if self._aliases:
            arguments["ExpressionAttributeNames"] = {
                alias: name for name, alias in self._aliases.items()
            }
        if self._values:
            arguments["ExpressionAttributeValues"] = self._values
        return arguments

    def _filled(self, clause: str, arguments: tuple[Any, ...]) -> str:
        if "#" in clause:
            for name in ALIAS.findall(clause):
                self._aliases[name] = f"#{name}"
        if not arguments:
            return clause
        if len(arguments) == 1 and type(arguments[0]) is not Attribute:
            return clause.replace("{}", self._value(arguments[0]))
        return clause.format(
            *[
                self._name(argument) if type(argument) is Attribute else self._value(argument)
                for argument in arguments
            ]
        )

    def _name(self, name: str) -> str:
        if name.isidentifier() and name not in RESERVED:
            return name
        if name not in self._aliases:
            known = name in RESERVED
            self._aliases[name] = f"#{name}" if known else f"#n{len(self._aliases)}"
        return self._aliases[name]

    def _value(self, value: Any) -> str:
        """The placeholder of ``value``: equal numbers and equal texts are sent once."""
        values = self._values
        kind = type(value)
        if kind is int or kind is str:
            known = self._placeholders.get(value)
            if known is None:
                known = self._placeholders[value] = f":v{len(values)}"
                values[known] = {"S": value} if kind is str else {"N": repr(value)}
            return known
        placeholder = f":v{len(values)}"
        values[placeholder] = to_attribute(value)
        return placeholder


class Update(Condition):
    """The assignments to one item, and the conditions on which they are written."""

    __slots__ = ("_assignments", "_removed")

    def __init__(self) -> None:
        super().__init__()
        self._assignments: list[str] = []
        self._removed: list[str] = []

    def set(self, name: str, value: Any) -> None:
        """Sets an attribute to ``value``."""
        self._assignments.append(f"{self._name(name)} = {self._value(value)}")

    def add(self, name: str, units: int, start: int = 0) -> None:
        """Adds ``units`` to a number; one that is not there yet begins with ``start``."""
        name = self._name(name)
        begin, more = self._value(start), self._value(units)
        self._assignments.append(f"{name} = if_not_exists({name}, {begin}) + {more}")

    def assign(self, assignment: str, *arguments: Any) -> None:
        """Sets an attribute to a term, such as ``"on_hand = {} + reserved"``."""
        self._assignments.append(self._filled(assignment, arguments))

    def remove(self, *names: str) -> None:
        self._removed += map(self._name, names)

    def arguments(self) -> dict[str, Any]:
        removed = f" REMOVE {', '.join(self._removed)}" if self._removed else ""
        assigned = f"SET {', '.join(self._assignments)}" if self._assignments else ""
        return {"UpdateExpression": (assigned + removed).lstrip(), **super().arguments()}

    def request(self, table: str, pk: str, sk: str) -> dict[str, Any]:
        """The arguments of ``update_item``, or of the Update of a transaction."""
        return {
            "TableName": table,
            "Key": {"pk": {"S": pk}, "sk": {"S": sk}},
            **self.arguments(),
        }
