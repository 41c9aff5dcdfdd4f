"""Requests and answers of the codes of promotions."""

from typing import Annotated, Literal, Self

from annotated_types import Ge, Le
from pydantic import Field, Strict, StringConstraints, model_validator

from shared.errors import invalid
from shared.pricing.contract.book import Uses
from shared.pricing.model.uses import CODE_FORM, Code, normal_code
from shared.web.contract import Answer, Id, Input, Instant, InstantInput

MOST_CODES = 1_000
Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{0,20}$")]


class CodesInput(Input):
    """Codes to be made: one that is named, or ``count`` random ones."""

    code: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    """The code, 3 to 40 letters and digits; spaces, dashes and small letters do not matter."""
    count: Annotated[int, Strict(), Ge(1), Le(MOST_CODES)] | None = None
    """Number of random codes."""
    prefix: Prefix = ""
    """What random codes begin with."""
    uses: Uses | None = None
    """How often each code may be used; default: once for random codes, without a limit else."""
    starts_at: InstantInput | None = None
    """From when; default: at once."""
    ends_at: InstantInput | None = None
    """Before when; default: as long as the promotion runs."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.code is None) == (self.count is None):
            raise ValueError("give code, or count")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError("ends_at is not after starts_at")
        return self

    def codes(self, promotion_id: str, made: list[str]) -> list[Code]:
        """The codes; ``made`` are the random ones."""
        texts, uses = made, self.uses or 1
        if self.code is not None:
            texts, uses = [normal_code(self.code)], self.uses or 0
            if not CODE_FORM.match(texts[0]):
                raise invalid("$.code", "a code has 3 to 40 letters and digits")
        return [
            Code(text, promotion_id, uses or None, self.starts_at, self.ends_at) for text in texts
        ]


class CodesAnswer(Answer):
    """The codes that were made."""

    promotion_id: Id
    """Their promotion."""
    codes: list[str]
    """The codes."""


class CodeAnswer(Answer):
    """A code."""

    code: str
    """The code."""
    promotion_id: Id
    """Its promotion."""
    state: Literal["active", "blocked"]
    """Whether it may be used."""
    uses: int | None = None
    """How often it may be used; absent without a limit."""
    used: int | None = None
    """How often it was used; counted only with a limit."""
    starts_at: Instant | None = None
    """From when it may be used."""
    ends_at: Instant | None = None
    """Before when it may be used."""

    @classmethod
    def of(cls, code: Code, used: int) -> Self:
        return cls(
            code=code.code,
            promotion_id=code.promotion_id,
            state="blocked" if code.blocked else "active",
            uses=code.uses,
            used=used if code.uses is not None else None,
            starts_at=code.starts_at,
            ends_at=code.ends_at,
        )
