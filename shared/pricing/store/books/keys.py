"""The keys of books in the table ``pricing``."""

BOOK = "BOOK"
MAX_VERSION = 10**8 - 1


def version_key(version: int) -> str:
    return f"{version:08d}"
