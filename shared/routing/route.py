"""filter -> price -> solve -> explain: one order, one decision. Pure."""

from shared.routing.model import Decision, Problem


def route(problem: Problem) -> Decision:
    """The cheapest plan under the problem's policy, and for each candidate why, or why not."""
    raise NotImplementedError


def recall(data: bytes) -> Decision:
    """A stored decision as it was taken; the explanation is made again."""
    raise NotImplementedError


def replay(data: bytes) -> Decision:
    """A stored decision taken again from its problem: the same bytes, or the rules have changed."""
    raise NotImplementedError
