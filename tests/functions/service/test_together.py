"""Messages that are taken together, and alone when that fails."""

from collections.abc import Sequence
from typing import Any

from shared.errors import Busy
from shared.web.batch import together


def message(name: str, body: str) -> dict[str, Any]:
    return {"messageId": name, "body": body}


def failures(answer: dict[str, Any]) -> list[str]:
    return [row["itemIdentifier"] for row in answer["batchItemFailures"]]


def test_all_messages_are_one_piece_of_work() -> None:
    calls: list[list[int]] = []

    def work(numbers: Sequence[int]) -> None:
        calls.append(list(numbers))

    answer = together([message("a", "1"), message("b", "2")], int, work)
    assert calls == [[1, 2]]
    assert not failures(answer)


def test_one_that_fails_holds_up_no_others() -> None:
    taken: list[int] = []

    def work(numbers: Sequence[int]) -> None:
        if 2 in numbers:
            raise LookupError("of 2")
        taken.extend(numbers)

    answer = together([message(name, name) for name in "123"], int, work)
    assert taken == [1, 3]
    assert failures(answer) == ["2"]


def test_what_cannot_be_read_comes_again_and_the_others_are_taken() -> None:
    taken: list[int] = []
    answer = together([message("a", "1"), message("b", "no number")], int, taken.extend)
    assert taken == [1]
    assert failures(answer) == ["b"]


def test_all_come_again_while_a_table_is_busy() -> None:
    calls: list[list[int]] = []

    def work(numbers: Sequence[int]) -> None:
        calls.append(list(numbers))
        raise Busy("the table is throttled")

    answer = together([message(name, name) for name in "12"], int, work)
    assert calls == [[1, 2]]
    assert failures(answer) == ["1", "2"]


def test_without_a_readable_message_nothing_is_done() -> None:
    calls: list[object] = []
    answer = together([message("b", "no number")], int, calls.append)
    assert not calls
    assert failures(answer) == ["b"]
