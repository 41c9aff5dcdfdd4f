"""Writes availability as files for other systems, in rounds over all packs (shared/aws/walks.py).

    a schedule, every few minutes: continues the round of both formats, or begins one when it is due
    a message of the queue:        helps with the round that it names
    {"format": "google" | "schema.org", "channel"?: name, "round"?: number}     (`norain export`)
        begins a round of one file, or continues the named one

        ->  {"exports": [{"format", "bucket", "key", "products", "rows", "left_out", "bytes"}],
             "progress": {"walk", "round", "segments", "done", ...}}

A step of a segment writes a piece, a gzip file of its own, under the prefix ``pieces/``. When every
segment is done, one worker joins the pieces (gzip files behind one another are a gzip file, RFC
1952) into the file, which replaces the one before it only when it is complete. ``exports`` are the
files that this call has completed. Products stand in no particular order.

A piece has at most PIECE_BYTES and what one more page adds; a file at most 80 GB, because S3 takes
10,000 parts of 8 MB. One worker joins about 50 MB a second, so that a run completes files of up to
40 GB together: both files of 1,000,000 SKUs have 5 GB at 500 locations and 20 GB at 2,000.
"""

import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.availability.model import export
from shared.availability.model.export import Stores
from shared.availability.store.export import SellableProduct, sellable_page
from shared.availability.store.unpicked import unpicked
from shared.aws import s3, walks
from shared.aws.settings import setting
from shared.aws.walks import Progress, Round, Segment, Step, Walk
from shared.errors import Busy, NotFound
from shared.locations.store import all_locations
from shared.web.batch import each_message

FILES = {
    "google": ("google-local-inventory.tsv.gz", "text/tab-separated-values"),
    "schema.org": ("schema.org-products.jsonl.gz", "application/ld+json"),
}
TABLE = "config"
SEGMENTS = 96
EVERY = timedelta(minutes=60)
"""A scheduled round begins this long after the one before it, or at its end when that is later."""
PIECES_KEPT = timedelta(days=2)
"""The bucket deletes pieces after this time. A round that takes longer begins anew."""
PIECE_BYTES = 8 * 1024 * 1024
STEP_SECONDS = 30
ASKED_MS = 20_000
"""Of a call of `norain export`, which waits for the answer 60 seconds at most."""
SPARE_MS = 60_000
"""A step ends within this time: STEP_SECONDS, one page and one upload."""
JOINED_A_MS = 50_000
"""Bytes that a worker joins in a millisecond, a careful estimate."""
MOST_JOINING_MS = 800_000
"""A run that has just begun joins however much there is."""

Clock = Callable[[], float]
"""The milliseconds that remain."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if "Records" in event:
        return each_message(event["Records"], lambda message: _help(message, context))
    now = datetime.now(UTC)
    if "format" in event:
        return _asked(_asked_round(event, now), context)
    walk = _walk(setting("export_channel"), list(FILES))
    _measure_ages(setting("export_channel"), now)
    last = walks.last_round(walk)
    if last is None or _is_due(last, now):
        plan = {"channel": setting("export_channel"), "formats": list(FILES)}
        last = walks.begin(walk, last, SEGMENTS, now, plan) or walks.last_round(walk)
    if last is None or last.ended_at is not None:
        return {"exports": [], "progress": None}
    answer = _report(*_work(last, context))
    if answer["exports"]:
        _measure_ages(setting("export_channel"), datetime.now(UTC))
    return answer


def _is_due(last: Round, now: datetime) -> bool:
    if last.ended_at is None:
        return now - last.began_at >= PIECES_KEPT
    return now - last.began_at >= EVERY


def _walk(channel: str, formats: Sequence[str]) -> Walk:
    return Walk(TABLE, f"export/{channel}" + (f"/{formats[0]}" if len(formats) == 1 else ""))


def _asked_round(asked: Mapping[str, Any], now: datetime) -> Round:
    """The round that is asked for by its number, or a new one. Raises NotFound when the round has
    been replaced, Busy when two begin one at once."""
    channel = asked.get("channel", setting("export_channel"))
    walk = _walk(channel, [asked["format"]])
    last = walks.last_round(walk)
    if "round" in asked:
        if last is None or last.number != asked["round"]:
            raise NotFound(f"there is no round {asked['round']} of {walk.name}")
        return last
    plan = {"channel": channel, "formats": [asked["format"]]}
    begun = walks.begin(walk, last, SEGMENTS, now, plan)
    if begun is None:
        raise Busy(f"another export of {walk.name} has just begun")
    return begun


def _asked(round_: Round, context: Any) -> dict[str, Any]:
    if round_.ended_at is None:
        return _report(*_work(round_, context, ASKED_MS))
    progress = walks.progress(round_, datetime.now(UTC))  # another worker has completed the file
    return _report(progress, [_described(form, progress) for form in round_.plan["formats"]])


def _help(message: str, context: Any) -> None:
    if round_ := walks.called_round(TABLE, message):
        _work(round_, context, is_helper=True)


def _work(
    round_: Round, context: Any, most_ms: float = float("inf"), *, is_helper: bool = False
) -> tuple[Progress, list[dict[str, Any]]]:
    """The progress, and the files that this call has completed. It begins no step after
    ``most_ms``."""
    now, time_left_ms = datetime.now(UTC), _clock(context, most_ms)
    stores = Stores.of(all_locations(), now, unpicked())
    files: list[dict[str, Any]] = []

    def close(progress: Progress) -> bool:
        size = sum(progress.counts.get(f"{form}.bytes", 0) for form in round_.plan["formats"])
        if _clock(context)() < min(size / JOINED_A_MS + SPARE_MS / 2, MOST_JOINING_MS):
            return False
        files.extend(_join(form, progress) for form in round_.plan["formats"])
        return True

    progress = walks.work(
        round_,
        lambda segment: _step(segment, stores, time_left_ms),
        close,
        lambda: time_left_ms() < SPARE_MS,
        None if is_helper else lambda free: walks.call_helpers(round_, free),
    )
    if files:
        s3.delete_all(setting("exports"), _pieces(round_))
    return progress, files


def _step(segment: Segment, stores: Stores, time_left_ms: Clock) -> Step:
    """Writes one piece of each format."""
    channel, formats = segment.round.plan["channel"], segment.round.plan["formats"]
    zipping = {form: zlib.compressobj(6, zlib.DEFLATED, 31) for form in formats}
    pieces = {form: bytearray() for form in formats}
    counts: Counter[str] = Counter()
    after, began = segment.after, time.monotonic()
    while True:
        page, after = sellable_page(channel, stores.at, segment, after)
        for form in formats:
            text = "".join(_lines(form, page, stores, counts))
            pieces[form] += zipping[form].compress(text.encode())
        if (
            after is None
            or time.monotonic() - began > STEP_SECONDS
            or time_left_ms() < SPARE_MS
            or max(map(len, pieces.values())) > PIECE_BYTES
        ):
            break
    if not any(counts[f"{form}.rows"] for form in formats):
        return Step(after, counts)
    # The version makes the name unique to this claim: a worker that has lost the segment meanwhile
    # overwrites no piece of its successor, whose pieces end elsewhere.
    name = f"{segment.number:04d}-{segment.version:06d}"
    for form in formats:
        body = bytes(pieces[form]) + zipping[form].flush()
        s3.put(setting("exports"), f"{_pieces(segment.round)}{name}.{form}", body)
        counts[f"{form}.bytes"] += len(body)
    return Step(after, counts, (name,))


def _lines(
    form: str, page: Sequence[SellableProduct], stores: Stores, counts: Counter[str]
) -> Iterator[str]:
    """The lines of one page. ``left_out`` are SKUs without a product, and those that the format
    does not support."""
    for _, product, pack in page:
        if product is None:
            rows = []
        elif form == "google":
            rows = list(export.google(product, pack, stores))
        else:
            rows = [export.schema_org(product, pack, stores)]
        counts[f"{form}.products" if rows else f"{form}.left_out"] += 1
        counts[f"{form}.rows"] += len(rows)
        yield from rows


def _join(form: str, progress: Progress) -> dict[str, Any]:
    """Replaces the file of the format by the pieces of the round."""
    s3.put_stream(
        setting("exports"),
        _key(form, progress.round),
        _contents(form, progress),
        ContentType=FILES[form][1],
        Metadata={"began-at": progress.round.began_at.isoformat()},
    )
    return _described(form, progress)


def _described(form: str, progress: Progress) -> dict[str, Any]:
    """The file of the format. Raises NotFound when somebody has deleted it."""
    bucket, key = setting("exports"), _key(form, progress.round)
    file = s3.look(bucket, key)
    if file is None:
        raise NotFound(f"there is no file {key}")
    counts = {
        count: progress.counts.get(f"{form}.{count}", 0)
        for count in ("products", "rows", "left_out")
    }
    return {"format": form, "bucket": bucket, "key": key, **counts, "bytes": file.size}


def _key(form: str, round_: Round) -> str:
    return f"{round_.plan['channel']}/{FILES[form][0]}"


def _contents(form: str, progress: Progress) -> Iterator[bytes]:
    """Raises Busy when a piece is missing."""
    if form == "google":
        zipping = zlib.compressobj(6, zlib.DEFLATED, 31)
        yield zipping.compress(export.google_header().encode()) + zipping.flush()
    for name in progress.kept:
        piece = s3.get(setting("exports"), f"{_pieces(progress.round)}{name}.{form}")
        if piece is None:
            raise Busy(f"the piece {name}.{form} of the export is missing")
        yield piece


def _pieces(round_: Round) -> str:
    return f"pieces/{round_.walk.name}/{round_.number}/"


def _measure_ages(channel: str, now: datetime) -> None:
    """How long ago the round of each complete file began. Without a file there is no metric, which
    rings the alarm as well."""
    for form, (name, _) in FILES.items():
        file = s3.look(setting("exports"), f"{channel}/{name}")
        if file is None:
            continue
        began = file.metadata.get("began-at")
        age = now - (datetime.fromisoformat(began) if began else file.written_at)
        with single_metric(
            namespace="NoRain",
            name="ExportAge",
            unit=MetricUnit.Seconds,
            value=age.total_seconds(),
        ) as metric:
            metric.add_dimension("service", "availability")
            metric.add_dimension("format", form)


def _report(progress: Progress, files: list[dict[str, Any]]) -> dict[str, Any]:
    summary = progress.summary(datetime.now(UTC))
    logger.info("exporting", extra=summary)
    for file in files:
        logger.info("exported", extra=file)
    return {"exports": files, "progress": summary}


def _clock(context: Any, most_ms: float = float("inf")) -> Clock:
    """How many milliseconds remain for work: of the function's time, and of ``most_ms`` and
    SPARE_MS from now on."""
    end = time.monotonic() + (most_ms + SPARE_MS) / 1000

    def time_left_ms() -> float:
        own = (end - time.monotonic()) * 1000
        return own if context is None else min(own, context.get_remaining_time_in_millis())

    return time_left_ms
