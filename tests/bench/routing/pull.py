"""What a unit earns by lying where it lies, online demand included: a scheduled job's two numbers.

Beside the walk-in demand W until the season ends, a node is the first choice of some of the online
demand. Let O be the units of that to come, and g what serving one from here saves on average
against the next best node, or against losing it. With D_W and D_O Poisson of these means, the last
of s units is worth, above its salvage,

    min(m, g) P(D_W + D_O >= s) + |m - g| P(D_X >= s)       X = W if m >= g, else O

where m is the walk-in margin less salvage: the unit goes to the better demand with the chance that
it lasts till there, else to the other. Littlewood's rule (1972) for two classes, with a plain
newsvendor price as its special case g = 0. The chances are taken at the moment of decision, from
the stock as it is then; only the rates of O and W and g are stored, and age slowly.

Where more stock is announced, a unit is worth the most that it is for any of the periods up to a
delivery or to the end of the season: with the demand until then, and what has come by then.

A first choice depends on the prices and these on it, so the job goes round a few times.
"""

from dataclasses import dataclass

import numpy as np

from tests.bench.routing.season import Floats, Ints, Network

ROUNDS = 3
ALONE = 0.32
"""Share of the lines whose order has no other line."""
SHARED_PARCEL = 0.5
"""What a line of a larger order adds to the cost of a warehouse's parcel: it holds most products,
so that the parcel is often sent anyway. A store's parcel is nearly always an additional one."""


@dataclass(frozen=True, slots=True)
class Pull:
    """Per node: ``units`` of online demand whose first choice it is, each ``saving`` EUR."""

    units: Floats
    saving: Floats


def pull(network: Network, product: int, stock: Ints, online: Floats, walk_in: Floats) -> Pull:
    """``online`` units per region and ``walk_in`` units per node are still to come."""
    at = np.flatnonzero(stock > 0)
    units, saving = np.zeros(len(stock)), np.zeros(len(stock))
    if len(at) == 0:
        return Pull(units, saving)
    salvage, margin = network.salvage[product, at], network.walk_in_margin[product]
    share = np.where(network.warehouse[at], SHARED_PARCEL, 1.0)
    unit = network.pick[at] + network.kg[product] * network.per_kg[:, at] + salvage
    cost = np.concatenate([unit + network.parcel[:, at], unit + share * network.parcel[:, at]])
    demand = np.concatenate([ALONE * online, (1 - ALONE) * online])
    lost = network.online_margin[product]
    each = np.arange(len(demand))
    found = Pull(np.zeros(len(at)), np.zeros(len(at)))
    for _ in range(ROUNDS):
        price = worth(stock[at], walk_in[at], np.maximum(0, margin - salvage), found)
        charged = cost + price
        first = charged.argmin(1)
        charged[each, first] = np.inf
        gain = np.minimum(charged.min(1), lost) - cost[each, first]
        here = gain > 0
        total, value = np.zeros(len(at)), np.zeros(len(at))
        np.add.at(total, first[here], demand[here])
        np.add.at(value, first[here], demand[here] * gain[here])
        found = Pull(total, value / np.maximum(total, 1e-12))
    units[at], saving[at] = found.units, found.saving
    return Pull(units, saving)


def worth(stock: Ints, walk_in: Floats, margin: Floats, pulled: Pull) -> Floats:
    """EUR above salvage of the last of ``stock`` units; ``margin`` is above salvage too."""
    sold = np.where(walk_in > 0, margin, 0)
    low, high = np.minimum(sold, pulled.saving), np.maximum(sold, pulled.saving)
    better = np.where(sold >= pulled.saving, walk_in, pulled.units)
    both = poisson_tail(walk_in + pulled.units, stock)
    return low * both + (high - low) * poisson_tail(better, stock)


def poisson_tail(mean: Floats, least: Ints) -> Floats:
    """P(X >= least) of Poisson variables; to about 1e-12, absolutely."""
    mean, least = np.broadcast_arrays(np.asarray(mean, float), least)
    term = np.exp(-mean)
    below = np.zeros(mean.shape)
    for k in range(int(least.max(initial=0))):
        below += np.where(k < least, term, 0)
        term = term * mean / (k + 1)
    tail: Floats = np.clip(1 - below, 0, 1)
    return tail
