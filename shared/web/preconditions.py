"""Conditions on the version of a resource, in the header If-Match."""

from shared.errors import invalid


def version_in(if_match: str | None, resource: str) -> int | None:
    """The version in If-Match; None when it is absent or ``*``. Raises InvalidRequest for what is
    no ETag of ``resource``."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise invalid("header.If-Match", f"this is not an ETag of the {resource}")
    return int(text)
