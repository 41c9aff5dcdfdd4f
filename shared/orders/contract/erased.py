"""Answers about erased persons."""

from shared.web.contract import Answer, Id


class ErasedOrderAnswer(Answer):
    """An order whose person is erased."""

    order_id: Id
    """The id of the order."""
    profile_id: str
    """The pseudonym that stands for the person. Nothing leads back from it."""
    version: int
    """The version of the order."""
