"""The routes of the codes of promotions."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from shared.errors import NotFound
from shared.pricing.contract.codes import CodeAnswer, CodesAnswer, CodesInput
from shared.pricing.model.uses import normal_code
from shared.pricing.store import books, codes
from shared.web.api import now_in_milliseconds, request_of, routes
from shared.web.auth import needs
from shared.web.contract import Id

WRITE = needs("promotions:write")
CodePath = Annotated[str, Path(description="The code.", max_length=80)]

router = routes()


@router.post(
    "/v1/promotions/<promotion_id>/codes",
    operation_id="makeCodes",
    status_code=HTTPStatus.CREATED,
    security=WRITE,
    summary="Make codes of a promotion",
    description="Makes one code that you name, or up to 1,000 random ones. They are valid at once, "
    "as soon as the promotion is in force. The same Idempotency-Key answers the same codes.",
)
def make_codes(
    promotion_id: Annotated[Id, Path(description="A promotion of the book in force or the draft.")],
    body: CodesInput,
) -> CodesAnswer:
    request = request_of(router)
    _check_promotion(promotion_id)
    texts = codes.made(request, body.count or 0, body.prefix)
    made = body.codes(promotion_id, texts)
    codes.put(made, request, now_in_milliseconds())
    return CodesAnswer(promotion_id=promotion_id, codes=[code.code for code in made])


@router.get(
    "/v1/codes/<code>",
    operation_id="getCode",
    security=needs("promotions:read"),
    summary="Read a code",
    description="Returns the promotion of a code, its limit, and how often it was used.",
)
def get_code(code: CodePath) -> CodeAnswer:
    text = normal_code(code)
    stored = codes.find([text]).get(text)
    if stored is None:
        raise NotFound(f"there is no code {text}")
    return CodeAnswer.of(*stored)


@router.post(
    "/v1/codes/<code>/block",
    operation_id="blockCode",
    security=WRITE,
    summary="Block a code",
    description="Nobody can use the code any more; quotes that were made before keep it for 15 "
    "minutes. Blocking it again changes nothing.",
)
def block_code(code: CodePath) -> CodeAnswer:
    codes.block(normal_code(code))
    return get_code(code)


def _check_promotion(promotion_id: str) -> None:
    """Raises NotFound for a promotion that is neither in force nor in the draft."""
    in_force = [one for book in books.in_force.get().all for one in book.promotions]
    if any(one.promotion_id == promotion_id for one in in_force):
        return
    draft = books.draft()
    promotions = draft.document.get("promotions", ()) if draft else ()
    if not any(one["promotion_id"] == promotion_id for one in promotions):
        raise NotFound(f"neither the book in force nor the draft has a promotion {promotion_id}")
