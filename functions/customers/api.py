"""The customers' routes: who a record is, the whole person, what is said and done by hand."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from shared.aws.settings import setting
from shared.aws.sqs import send
from shared.customers import store
from shared.customers.contract.carts import CartContent, CustomerCart, cart_answer
from shared.customers.contract.interactions import (
    CustomerInteraction,
    StatedInteraction,
    Timeline,
    interaction_answer,
)
from shared.customers.contract.merges import (
    MergedCustomer,
    MergePreview,
    MergePreviewRequest,
    MergeRequest,
    UnmergedCustomer,
    UnmergeRequest,
    preview_answer,
)
from shared.customers.contract.privacy import (
    CustomerJob,
    ExportedFile,
    JobAsked,
    ProfileRead,
    ProfileReads,
    job_answer,
    job_asked,
)
from shared.customers.contract.profiles import (
    CustomerProfile,
    CustomerProfiles,
    profile_answer,
    whole_answer,
)
from shared.customers.contract.reviews import CustomerReviews, JudgedReview, Verdict, review_answer
from shared.customers.contract.statements import CustomerStatement, ResolvedCustomer
from shared.customers.model import normalize
from shared.customers.model.golden_record import Cart
from shared.customers.model.person import Interaction, Profile
from shared.customers.store import Act, erasing, exporting, files, jobs
from shared.customers.store.values import milliseconds
from shared.errors import Forbidden, InvalidRequest, NotFound
from shared.instants import must_have_passed
from shared.web.api import api, idempotent, logger, serve, who
from shared.web.auth import needs
from shared.web.contract import ID, Country, Id
from shared.web.crash import crash
from shared.web.cursor import cursor_of, key_of

READ, WRITE = needs("customers:read"), needs("customers:write")
ERASE = needs("customers:erase")
MANAGE = needs("customers:manage")
JSON = "application/json"
Limit = Annotated[int, Query(ge=1, le=100)]
ProfilePath = Annotated[Id, Path()]
OPENED = rf"[0-9TZ:.-]{{24}} {ID}"
"""opened_at and review_id"""
NOTED = rf"AT#[0-9TZ:.-]{{24}}#{ID}"
"""The sort key of the timeline and of reads."""

app = api()


@app.post(
    "/v1/customers/resolve",
    security=WRITE,
    summary="Find out who a record is",
    description="Takes what a source states of a person, links it to the profile it belongs to, "
    "or starts one. 201 when a profile was started. A client speaks for its own sources only "
    "(scopes `source:<name>`); what is `verified`, and `consents`, count from those that it is "
    "trusted with (`source:<name>:trusted`), and are named in `not_counted` from others.",
)
def resolve(statement: CustomerStatement) -> Response[ResolvedCustomer]:
    request, sources, now = idempotent(app), who(app).sources, _now()
    record = statement.record(statement.occurred_at, now, sources)
    found = store.resolve(record, request.name, now, store.new_id(), request.digest)
    answer = ResolvedCustomer(
        profile_id=found.profile_id,
        outcome=found.outcome,
        bits=found.bits,
        reasons=list(found.reasons),
        merged=list(found.merged) or None,
        not_counted=statement.not_counted(sources) or None,
    )
    started = found.outcome in {"created", "review"}
    return Response(201 if started else 200, content_type=JSON, body=answer)


@app.get(
    "/v1/customers/reviews",
    security=MANAGE,
    summary="List pairs that may be one person, side by side",
    description="The oldest first. Every read of a profile is noted.",
)
def reviews(limit: Limit = 20, cursor: Annotated[str | None, Query()] = None) -> CustomerReviews:
    found, more = store.open_reviews(limit, key_of(cursor, OPENED) if cursor else None)
    _note(sorted({seen for review in found for seen in review.profile_ids}), "reviews")
    return CustomerReviews(
        reviews=[review_answer(review) for review in found],
        next_cursor=cursor_of(more) if more else None,
    )


@app.post(
    "/v1/customers/reviews/<review_id>",
    security=MANAGE,
    summary="Judge a pair: the same person, or different ones for ever",
)
def judge(review_id: Annotated[Id, Path()], verdict: Verdict) -> JudgedReview:
    profile_ids = store.judge(review_id, verdict.verdict, _act(f"review: {verdict.verdict}"))
    return JudgedReview(review_id=review_id, verdict=verdict.verdict, profile_ids=list(profile_ids))


@app.get(
    "/v1/customers",
    security=READ,
    summary="Look up whose an email address, phone number or loyalty id is",
    description="Give exactly one. A phone number without its country code needs `country`. It "
    "finds those who verified it, and those whose profile began with it: what somebody states "
    "later without having it verified opens nobody's profile. "
    "Every read is noted with the client that made it.",
)
def look_up(
    email: Annotated[str | None, Query()] = None,
    phone: Annotated[str | None, Query()] = None,
    loyalty_id: Annotated[str | None, Query()] = None,
    country: Annotated[Country | None, Query()] = None,
) -> CustomerProfiles:
    given = {"email": email, "phone": phone, "loyalty_id": loyalty_id}
    asked = {name: value for name, value in given.items() if value}
    if len(asked) != 1:
        raise InvalidRequest("give one of email, phone and loyalty_id")
    ((name, value),) = asked.items()
    try:
        profiles = store.find_by(name, normalize.identifier(name, _sent(name, value), country))
    except ValueError as error:
        raise InvalidRequest(
            "it cannot be looked up", [{"path": f"query.{name}", "message": str(error)}]
        ) from None
    _note([profile.profile_id for profile in profiles], f"look-up by {name}")
    return CustomerProfiles(profiles=[profile_answer(profile) for profile in profiles])


@app.get(
    "/v1/customers/<profile_id>",
    security=READ,
    summary="Read a profile: who it is, orders, cart, the newest of the timeline, household",
    description="An id that was merged answers with the survivor. Every read is noted.",
)
def profile(profile_id: ProfilePath) -> CustomerProfile:
    found = store.profile_overview(profile_id)
    _note([found.profile.profile_id], "profile")
    return whole_answer(found)


@app.post(
    "/v1/customers/<profile_id>/export",
    status_code=202,
    security=needs("customers:export"),
    summary="Write down everything that is kept on a person",
    description="What the sources said word by word, what was decided on it and why, orders with "
    "all that happened to them and where their routings were to, the whole timeline, the cart, and "
    "who has read the profile: JSON lines, `kind` says of what. A job writes it; when that is done "
    "its `status_url` has links to the files, which are kept for 7 days.",
)
def export(profile_id: ProfilePath) -> Response[JobAsked]:
    job_id = exporting.request_export(profile_id, _act("export"), store.new_id(), idempotent(app))
    _note([store.find(profile_id).profile_id], "export")
    _begin(job_id)
    return Response(202, content_type=JSON, body=job_asked(job_id))


@app.get(
    "/v1/customers/<profile_id>/reads",
    security=needs("ops"),
    summary="Who has read a profile, and by which question",
    description="The newest first, under this id; also of a person who was erased.",
)
def reads(
    profile_id: ProfilePath, limit: Limit = 50, cursor: Annotated[str | None, Query()] = None
) -> ProfileReads:
    found, more = store.read_log(profile_id, limit, key_of(cursor, NOTED) if cursor else None)
    return ProfileReads(
        profile_id=profile_id,
        reads=[ProfileRead.model_validate(dict(row)) for row in found],
        next_cursor=cursor_of(more) if more else None,
    )


@app.delete(
    "/v1/customers/<profile_id>",
    status_code=202,
    security=ERASE,
    summary="Erase a person for good",
    description="From the answer on nobody finds the person. A job takes away what is kept, in "
    "every room: orders keep what law and books need, and lose whose they were. What came before "
    "is refused with 410 when it comes again; who comes back later begins anew.",
)
def erase(profile_id: ProfilePath) -> Response[JobAsked]:
    job_id = erasing.request_erasure(profile_id, _act("erase"), store.new_id())
    _begin(job_id)
    return Response(202, content_type=JSON, body=job_asked(job_id))


@app.get(
    "/v1/customers/jobs/<job_id>",
    security=needs("customers:erase", "customers:export"),
    summary="How far a job on a person has come",
    description="An erasure takes `customers:erase`, an export `customers:export`. Links to the "
    "files of an export are good for 15 minutes; to be given them is noted as a read.",
)
def job(job_id: Annotated[Id, Path()]) -> CustomerJob:
    found = jobs.find_job(job_id)
    if found is None:
        raise NotFound("there is no such job", job_id=job_id)
    if f"customers:{found.kind}" not in who(app).scopes:
        raise Forbidden(f"this takes the scope customers:{found.kind}")
    answer = job_answer(found)
    until = found.ended_at + files.KEPT if found.ended_at else None
    if found.kind == "export" and found.state == "done" and until and _now() < until:
        _note([store.find(found.profile_id).profile_id], "export link")
        links = [ExportedFile.model_validate(row) for row in files.links(found)]
        return answer.model_copy(update={"files": links, "files_until": until})
    return answer


@app.post("/v1/customers/<profile_id>/merge", security=MANAGE, summary="Merge two profiles")
def merge(profile_id: ProfilePath, wanted: MergeRequest) -> MergedCustomer:
    merged = store.merge(profile_id, wanted.other_profile_id, _act(wanted.reason), idempotent(app))
    return MergedCustomer(profile_id=merged.profile_id, merged_from=list(merged.merged_from))


@app.post(
    "/v1/customers/<profile_id>/merge/preview",
    security=MANAGE,
    summary="See what a merge would make, without making it",
)
def preview(profile_id: ProfilePath, wanted: MergePreviewRequest) -> MergePreview:
    found = store.preview_merge(profile_id, wanted.other_profile_id)
    _note(sorted(found.profile.member_ids), "merge preview")
    return preview_answer(found)


@app.post(
    "/v1/customers/<profile_id>/unmerge",
    security=MANAGE,
    summary="Take the person of one record out of a profile",
    description="A record of a merged profile undoes that merge; any other leaves alone. The two "
    "are never linked again by rule.",
)
def unmerge(profile_id: ProfilePath, wanted: UnmergeRequest) -> UnmergedCustomer:
    stays, leaves = store.unmerge(
        profile_id,
        (wanted.record.source, wanted.record.source_id),
        store.new_id(),
        _act(wanted.reason),
        idempotent(app),
    )
    return UnmergedCustomer(profile_id=stays, separated_profile_id=leaves)


@app.post(
    "/v1/customers/<profile_id>/interactions",
    security=WRITE,
    summary="Note what a person did",
)
def interact(profile_id: ProfilePath, stated: StatedInteraction) -> Response[CustomerInteraction]:
    who(app).must_see(stated.channel)
    request, now = idempotent(app), _now()
    must_have_passed({"$.occurred_at": stated.occurred_at}, now)
    interaction = Interaction(
        interaction_id=request.name,
        channel=stated.channel,
        kind=stated.kind,
        occurred_at=milliseconds(stated.occurred_at),
        data=stated.data,
    )
    noted = store.record_interaction(profile_id, interaction, request, now)
    return Response(201, content_type=JSON, body=interaction_answer(noted))


@app.get(
    "/v1/customers/<profile_id>/timeline",
    security=READ,
    summary="What a person did in every channel, newest first",
)
def timeline(
    profile_id: ProfilePath, limit: Limit = 50, cursor: Annotated[str | None, Query()] = None
) -> Timeline:
    before = key_of(cursor, NOTED) if cursor else None
    found, interactions, more = store.timeline(profile_id, limit, before)
    _note([found.profile_id], "timeline")
    return Timeline(
        profile_id=found.profile_id,
        interactions=[interaction_answer(interaction) for interaction in interactions],
        next_cursor=cursor_of(more) if more else None,
    )


@app.get(
    "/v1/customers/<profile_id>/cart",
    security=READ,
    summary="The one cart of all channels",
    description="The ETag is what PUT takes as If-Match.",
)
def cart(profile_id: ProfilePath) -> Response[CustomerCart]:
    found, cart, version = store.cart(profile_id)
    _note([found.profile_id], "cart")
    return _cart(found, cart, version)


@app.put(
    "/v1/customers/<profile_id>/cart",
    security=WRITE,
    summary="Replace the cart",
    description="With If-Match it is refused with 412 when the cart has changed since; without, "
    "the last writer wins.",
)
def put_cart(
    profile_id: ProfilePath,
    content: CartContent,
    if_match: Annotated[str | None, Header(alias="If-Match")] = None,
) -> Response[CustomerCart]:
    if content.channel is not None:
        who(app).must_see(content.channel)
    lines = {line.sku: line.quantity for line in content.lines}
    version = if_match.strip().removeprefix("W/").strip('"') if if_match else None
    return _cart(*store.put_cart(profile_id, lines, content.channel, version, _now()))


def _cart(found: Profile, cart: Cart, version: str) -> Response[CustomerCart]:
    return Response(
        200,
        content_type=JSON,
        body=cart_answer(found.profile_id, cart),
        headers={"ETag": f'"{version}"'},
    )


def _sent(name: str, value: str) -> str:
    """A '+' that was not percent-encoded arrives as a blank."""
    return f"+{value.strip()}" if name == "phone" and value.startswith(" ") else value


def _begin(job_id: str) -> None:
    """The job stands already: when nobody is told of it now, the sweep finds it within a minute."""
    try:
        send(setting("jobs_queue"), job_id)
    except Exception as error:
        logger.warning("a job is left to the sweep", extra={"job_id": job_id, **crash(error)})


def _note(profile_ids: list[str], what: str) -> None:
    store.record_reads(profile_ids, who(app).actor, what, _now(), store.new_id())


def _act(reason: str) -> Act:
    return Act(actor=who(app).actor, at=_now(), reason=reason)


def _now() -> datetime:
    return milliseconds(datetime.now(UTC))


handler = serve(app)
