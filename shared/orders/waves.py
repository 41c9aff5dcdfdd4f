"""Begin a wave and read it: model/waves.py."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from shared.errors import Busy, Conflict, NotFound, Refusal
from shared.orders import changing, store
from shared.orders.model import Order, serving
from shared.orders.model.waves import Stop, Tote, Wave, is_free, take, walk
from shared.orders.store import waves
from shared.stock import store as stock
from shared.web.idempotency import Request

MOST_CANDIDATES = 200
"""Free fulfillments that a wave without a list of its own tries to get."""
PAGE = 200
MOST_PAGES = 5
AT_ONCE = 20
"""Orders that are read in one call before their fulfillments are taken."""

Refused = Sequence[tuple[str, Refusal]]
"""The fulfillments that a wave did not get, and why."""
AnswerOfWave = Callable[[Wave, Sequence[Tote], Refused], str]


def candidates(location_id: str, sees: Callable[[str], bool]) -> tuple[str, ...]:
    """The free fulfillments of a location in channels that the caller ``sees``, the most urgent
    first, as its pick list shows them."""
    names: list[str] = []
    after = None
    for _ in range(MOST_PAGES):
        page = store.pick_list(location_id, ("accepted",), PAGE, after)
        names += [
            row.fulfillment.fulfillment_id
            for row in page.picks
            if is_free(row.fulfillment) and not (row.pauses or row.rests) and sees(row.channel)
        ]
        after = page.after
        if after is None or len(names) >= MOST_CANDIDATES:
            break
    return tuple(names[:MOST_CANDIDATES])


def begin(
    new: Callable[[], Wave],
    request: Request,
    check: Callable[[Order], None],
    answer: AnswerOfWave,
    now: datetime,
    actor: str,
) -> str:
    """Take fulfillments into a new wave and return the answer; a replay gets the first one.

    Each fulfillment is taken in a transaction of its own. A repetition of a request that died goes
    on with the candidates that were stored then, and keeps what it has got.

    Raises KeyReused, Busy; Conflict when the wave gets nothing. What ``check`` raises about an
    order is the reason why the wave does not get its fulfillments.
    """
    wave = waves.find(store.order_id_of_request(request)) or waves.add(new())
    request.check(wave.digest)
    if wave.answer is not None:
        return wave.answer
    taken, refused = _take(wave, check, now, actor)
    if not taken:
        waves.drop(wave)
        raise Conflict(
            f"{wave.location_id} has nothing to pick that is accepted, not paused and free",
            refused=[{"fulfillment_id": name, "code": why.code} for name, why in refused],
        )
    text = answer(wave, _read(wave.wave_id, taken), refused)
    finished = waves.finish(wave, taken, text)
    kept = finished.totes or () if finished else ()
    for name in taken:
        # A repetition at the same time has answered, and did not get this one.
        if name not in kept:
            _give_back(name, wave.wave_id, now, actor)
    if finished is None or finished.answer is None:
        raise Busy(f"the wave {wave.wave_id} was begun twice at once")
    return finished.answer


def _take(
    wave: Wave, check: Callable[[Order], None], now: datetime, actor: str
) -> tuple[tuple[str, ...], Refused]:
    taken: list[str] = []
    refused: list[tuple[str, Refusal]] = []

    def decide(order: Order, name: str) -> changing.Decided | None:
        check(order)
        return take(order, name, wave, now, actor)

    for first in range(0, len(wave.candidates), AT_ONCE):
        names = wave.candidates[first : first + AT_ONCE]
        orders = _orders(names)
        for name in names:
            if len(taken) == wave.most:
                return tuple(taken), refused
            order = orders.get(name)
            try:
                if order is None:
                    raise NotFound(f"there is no fulfillment {name}")
                changing.change(order.order_id, partial(decide, name=name), now, known=order)
            except Refusal as refusal:
                refused.append((name, refusal))
            else:
                taken.append(name)
    return tuple(taken), refused


def _give_back(name: str, wave_id: str, now: datetime, actor: str) -> None:
    def decide(order: Order) -> changing.Decided | None:
        part = order.fulfillment(name)
        if part.wave != wave_id or not part.is_open:
            return None
        return serving.assign(order, name, None, now, actor)

    changing.change(store.order_of_fulfillment(name), decide, now)


def find(wave_id: str) -> Wave:
    """Raises NotFound; Conflict while the wave is being put together."""
    wave = waves.find(wave_id)
    if wave is None:
        raise NotFound(f"there is no wave {wave_id}, or it has expired", wave_id=wave_id)
    if wave.totes is None:
        raise Conflict(f"the wave {wave_id} is not complete: repeat the request that began it")
    return wave


def totes(wave: Wave, sees: Callable[[str], bool]) -> list[Tote]:
    """The totes of the wave with their fulfillments as they are now (strongly consistent), those
    in channels that the caller ``sees``."""
    return [tote for tote in _read(wave.wave_id, wave.totes or ()) if sees(tote.order.channel)]


def stops(wave: Wave, of: Sequence[Tote]) -> list[Stop]:
    """The walk along the bins as they are now: one call per 100 SKUs."""
    skus = {line.sku for tote in of for line in tote.part.lines}
    bins = stock.bins_of([(sku, wave.location_id) for sku in sorted(skus)])
    return walk(of, {sku: name for (sku, _), name in bins.items()})


def _read(wave_id: str, names: Sequence[str]) -> list[Tote]:
    """Fulfillments that were given back, or moved to another location, leave their tote out."""
    orders = _orders(names)
    read = []
    for number, name in enumerate(names, 1):
        order = orders.get(name)
        if order is None:
            continue
        parts = {part.fulfillment_id: part for part in order.fulfillments}
        if name not in parts:  # it is closed, and stored beside a long order
            parts = {part.fulfillment_id: part for part in store.with_past(order).fulfillments}
        if name in parts and parts[name].wave == wave_id:
            read.append(Tote(number, order, parts[name]))
    return read


def _orders(names: Sequence[str]) -> dict[str, Order]:
    """The orders by fulfillment: one call per 100."""
    ids = {name: store.order_of_fulfillment(name) for name in names}
    items = store.order_items(sorted(set(ids.values())))
    orders = {order_id: store.order_of_item(item) for order_id, item in items.items()}
    return {name: orders[order_id] for name, order_id in ids.items() if order_id in orders}
