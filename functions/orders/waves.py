"""The routes of waves: fulfillments that a person picks on one walk along the bins."""

import json
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.orders.batches import request_of_action, take_step
from functions.orders.requests import Decide, WavePath
from shared.catalog.store import titles
from shared.errors import NotFound
from shared.locations.store import find as find_location
from shared.orders import changing, waves
from shared.orders.contract.batches import BatchAnswer
from shared.orders.contract.waves import (
    PickedTote,
    PickWaveInput,
    WaveAnswer,
    WaveInput,
    wave_answer,
)
from shared.orders.model import Order, OrderChange
from shared.orders.model.waves import MOST_IN_WAVE, Tote, Wave, pick
from shared.orders.reading import terms_of
from shared.orders.store import order_id_of_request
from shared.orders.waves import Refused
from shared.web.api import (
    answered_with,
    caller_of,
    now_in_milliseconds,
    request_of,
    routes,
    stored_answer,
)
from shared.web.auth import needs
from shared.web.problem import problem

READ = needs("fulfillments:read")
WRITE = needs("fulfillments:write")

router = routes()


@router.post(
    "/v1/waves",
    operation_id="startWave",
    security=WRITE,
    summary="Start a wave",
    description="Takes up to 20 fulfillments of a location that are accepted, not paused, in no "
    "other wave and assigned to nobody, and assigns them to a person. Answers the walk: what is "
    "taken from each bin, and which tote it goes into. Two people who begin waves at once never "
    "get the same fulfillment. A fulfillment leaves its wave when its work is taken back "
    "(`assign` without `to`). The caller must work at the location.",
    responses=answered_with(HTTPStatus.CREATED, "The wave.", WaveAnswer),
)
def start_wave(body: WaveInput) -> Response[Any]:
    caller, request, now = caller_of(router), request_of(router), now_in_milliseconds()
    caller.must_work_at(body.location_id)
    if find_location(body.location_id) is None:
        raise NotFound(f"there is no location {body.location_id}", location_id=body.location_id)
    named = body.fulfillment_ids

    def new() -> Wave:
        return Wave(
            wave_id=order_id_of_request(request),
            location_id=body.location_id,
            assignee=body.to,
            begun_at=now,
            candidates=tuple(named or waves.candidates(body.location_id, caller.sees)),
            most=body.most or MOST_IN_WAVE,
            digest=request.digest,
        )

    def check(order: Order) -> None:
        caller.must_see(order.channel)

    def answer(begun: Wave, totes: Sequence[Tote], refused: Refused) -> str:
        problems = [(name, json.loads(problem(why))) for name, why in refused] if named else []
        return _answer(begun, totes, problems).model_dump_json()

    text = waves.begin(new, request, check, answer, now, caller.actor)
    return stored_answer(HTTPStatus.CREATED, text)


@router.get(
    "/v1/waves/<wave_id>",
    operation_id="getWave",
    security=READ,
    summary="Read a wave",
    description="The walk along the bins as they are now, with what is picked already. Waves are "
    "kept for 30 days. The caller must work at the location.",
)
def get_wave(wave_id: WavePath) -> WaveAnswer:
    caller, wave = caller_of(router), waves.find(wave_id)
    caller.must_work_at(wave.location_id)
    return _answer(wave, waves.totes(wave, caller.sees))


@router.post(
    "/v1/waves/<wave_id>/pick",
    operation_id="pickWave",
    security=WRITE,
    summary="Mark fulfillments of a wave as picked",
    description="Marks the units of each fulfillment as picked, except those that are `rejected` "
    "with a reason, which are routed elsewhere at once. Each fulfillment stands or falls alone, "
    "and has its result. A repeated request takes no step twice, and tries again those that were "
    "refused.",
)
def pick_wave(wave_id: WavePath, body: PickWaveInput | None = None) -> BatchAnswer:
    caller, request, wave = caller_of(router), request_of(router), waves.find(wave_id)
    caller.must_work_at(wave.location_id)
    picked = (body or PickWaveInput()).fulfillments
    if picked is None:
        picked = [PickedTote(fulfillment_id=name) for name in wave.totes or ()]
    return BatchAnswer(
        results=[
            take_step(
                row.fulfillment_id,
                "pick",
                _picking(row, wave_id),
                caller,
                request_of_action(request, number),
            )
            for number, row in enumerate(picked)
        ]
    )


def _picking(row: PickedTote, wave_id: str) -> Decide:
    name = row.fulfillment_id
    rejections = [line.rejection() for line in row.rejected or ()]

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        shelf = changing.believed_available(order, name, rejections)
        terms = terms_of(order).at(order.fulfillment(name).location_id)
        return pick(order, name, wave_id, rejections, shelf, now=now, actor=actor, terms=terms)

    return decide


def _answer(
    wave: Wave, totes: Sequence[Tote], refused: Sequence[tuple[str, dict[str, Any]]] = ()
) -> WaveAnswer:
    stops = waves.stops(wave, totes)
    return wave_answer(wave, totes, stops, titles({stop.sku for stop in stops}), refused)
