"""No clause of an expression names an attribute by a word that DynamoDB reserves."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from shared.aws.expression import RESERVED

SHARED = Path(__file__).resolve().parent.parent.parent.parent / "shared"
CLAUSES = {"add", "assign", "remove", "require", "set", "set_minus", "set_plus"}
WORD = re.compile(r"(?<![#\w])[A-Za-z_]\w*(?![\w(])")
OPERATORS = {"AND", "OR", "NOT", "BETWEEN", "IN"}


def clauses() -> Iterator[tuple[str, str, bool]]:
    """The place of each clause that is written down as a text, the text, and whether the text is
    only a name, in which the builder replaces reserved words itself."""
    for path in sorted(SHARED.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value
            if node.func.attr not in CLAUSES or not isinstance(owner, ast.Name):
                continue
            if owner.id not in {"update", "condition"}:
                continue
            for argument in node.args if node.func.attr == "remove" else node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    only_a_name = node.func.attr not in {"assign", "require"}
                    yield f"{path.name}:{node.lineno}", argument.value, only_a_name


def test_no_clause_names_a_reserved_word() -> None:
    reserved = {word.upper() for word in ReservedKeywords.get_reserved_keywords()} - OPERATORS
    found = list(clauses())
    assert len(found) > 50
    assert [
        f"{place}: {word}"
        for place, clause, only_a_name in found
        for word in WORD.findall(clause)
        if word.upper() in reserved and not (only_a_name and word in RESERVED)
    ] == []
