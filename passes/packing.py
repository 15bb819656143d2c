"""Places for buffers whose lives are known: dynamic storage allocation, for every batch size.

A size, and so an offset, is a line in the batch size N, written as its value at N = 1 and what each
further sample adds (`Extent`). One line lies below another for every N ≥ 1 if and only if both
parts do, so buffers that are disjoint in both parts are disjoint for every batch.

The problem is NP-hard. The plan is the best of several greedy ones: buffers, in some order, each at
the lowest place that is free during its life ("greedy by size", Pisarchyk and Lee 2020; also by
bytes times life, and by time), improved by hill climbing: the buffers that reach the top of the
arena move to the front of the order; then those that live around them are placed first, in an order
that is searched by random moves (as in TVM's USMP). The lower bound is the widest cut: the largest
sum of sizes that are alive together.

Within the arena that is found, buffers then move to where threads find the cache lines that they
wrote (`share_middles`).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from tfrc.ir.shape import Dim

ALIGNMENT = 64
"""Bytes of a cache line, and of the widest vector register."""

WORK = 2_000_000
"""How many pairs of buffers hill climbing looks at: some seconds."""

ROUNDS = 64
"""How often the top of the arena moves to the front of an order."""

HOPS = 8
"""How far around the top of the arena the order is searched."""

SHARE = 16
"""The part of the remaining work that one such search may take."""

SWEEPS = 3
"""How often all buffers are moved to the middles of others: one that has moved leaves room."""

BEFORE = 16
"""How many of the buffers before a buffer are looked at for their middle."""

Extent = tuple[int, int]
"""Bytes for N = 1, and bytes for each further sample."""

NOTHING: Extent = (0, 0)


@dataclass(frozen=True)
class Life:
    """A buffer of `size`, needed by the operations `begin` to `end` inclusive.

    The threads of an operation write a part of it each, in their order, unless it is scratch.
    """

    size: Extent
    begin: int
    end: int
    is_scratch: bool = False

    def overlaps(self, other: Life) -> bool:
        """Whether both are alive at some operation."""
        return self.begin <= other.end and other.begin <= self.end


def extent(size: Dim) -> Extent:
    """A size in bytes, each part rounded up to the alignment."""
    scale, one = (-(-part // ALIGNMENT) * ALIGNMENT for part in (size.scale, size.at(1)))
    return max(one, scale), scale


def line(place: Extent) -> Dim:
    """The extent as a line in N."""
    one, scale = place
    return Dim(scale, one - scale)


def above(a: Extent, b: Extent) -> Extent:
    """The lowest line that is nowhere below `a` or `b`."""
    return max(a[0], b[0]), max(a[1], b[1])


def neighbours(lives: Sequence[Life]) -> list[list[int]]:
    """For each buffer, those that are alive together with it."""
    result: list[list[int]] = [[] for _ in lives]
    alive: dict[int, None] = {}
    ends: list[tuple[int, int]] = []
    for i in sorted(range(len(lives)), key=lambda i: lives[i].begin):
        while ends and ends[0][0] < lives[i].begin:
            del alive[heappop(ends)[1]]
        for j in alive:
            result[i].append(j)
            result[j].append(i)
        alive[i] = None
        heappush(ends, (lives[i].end, i))
    return result


def lowest_place(size: Extent, taken: Iterable[tuple[Extent, Extent]]) -> Extent:
    """The lowest offset at which `size` bytes overlap with none of the `taken` (start, end)."""
    taken = sorted(taken)
    one, scale = 0, 0
    moved = True
    while moved:
        moved = False
        top, slope = one + size[0], scale + size[1]
        for start, end in taken:
            is_below = top <= start[0] and slope <= start[1]
            if not is_below and (end[0] > one or end[1] > scale):
                one, scale = max(one, end[0]), max(scale, end[1])
                top, slope = one + size[0], scale + size[1]
                moved = True
    return one, scale


@dataclass(frozen=True)
class Packing:
    """Offsets of buffers, and the arena that holds them."""

    offsets: list[Extent]
    arena: Extent


def around_middle(start: Extent, size: Extent, inner: Extent) -> Extent:
    """Where `inner` bytes have the middle of `size` bytes at `start`, to the next cache line.

    As everywhere, the line in N is not negative at N = 0: so it is for a batch of no examples.
    """
    one, scale = (
        (2 * begin + whole - part) // 2 // ALIGNMENT * ALIGNMENT
        for begin, whole, part in zip(start, size, inner, strict=True)
    )
    return max(one, scale), scale


def is_within(start: Extent, size: Extent, arena: Extent) -> bool:
    """Whether `size` bytes at `start` are within the arena."""
    return all(
        0 <= begin and begin + part <= end
        for begin, part, end in zip(start, size, arena, strict=True)
    )


def are_disjoint(a: Extent, size_a: Extent, b: Extent, size_b: Extent) -> bool:
    """Whether `size_a` bytes at `a` lie below or above `size_b` bytes at `b`, in both parts."""
    return (a[0] + size_a[0] <= b[0] and a[1] + size_a[1] <= b[1]) or (
        b[0] + size_b[0] <= a[0] and b[1] + size_b[1] <= a[1]
    )


def pack(lives: Sequence[Life], near: Sequence[Sequence[int]], order: Sequence[int]) -> Packing:
    """Each buffer, in this order, at the lowest place that is free during its life."""
    ends: list[Extent | None] = [None] * len(lives)
    offsets = [NOTHING] * len(lives)
    arena = NOTHING
    for i in order:
        taken = [(offsets[j], end) for j in near[i] if (end := ends[j]) is not None]
        size = lives[i].size
        one, scale = offsets[i] = lowest_place(size, taken)
        ends[i] = one + size[0], scale + size[1]
        arena = above(arena, (one + size[0], scale + size[1]))
    return Packing(offsets, arena)


def widest_cut(lives: Sequence[Life]) -> Extent:
    """The largest sum of sizes that are alive together, for each part: no arena is smaller."""
    events = sorted(
        [(life.begin, life.size) for life in lives]
        + [(life.end + 1, (-life.size[0], -life.size[1])) for life in lives]
    )
    widest = NOTHING
    one = scale = 0
    for change in (size for _, size in events):
        one, scale = one + change[0], scale + change[1]
        widest = above(widest, (one, scale))
    return widest


def orders(lives: Sequence[Life]) -> list[list[int]]:
    """The orders in which to place greedily."""
    indices = range(len(lives))

    def length(i: int) -> int:
        return lives[i].end - lives[i].begin + 1

    return [
        sorted(indices, key=lambda i: (-lives[i].size[0], lives[i].begin)),
        sorted(indices, key=lambda i: (-lives[i].size[0] * length(i), lives[i].begin)),
        sorted(indices, key=lambda i: (-length(i), -lives[i].size[0])),
        sorted(indices, key=lambda i: (lives[i].begin, -lives[i].size[0])),
    ]


@dataclass
class Attempt:
    """An order, the plan that it gives, and how far that is above the bound."""

    cost: float
    packing: Packing
    order: list[int]


class Search:
    """Hill climbing until the arena is `bound`, or `work` pairs of buffers have been looked at."""

    def __init__(self, lives: Sequence[Life], bound: Extent, work: int):
        self.lives = lives
        self.bound = bound
        self.near = neighbours(lives)
        self.pairs = len(lives) + sum(map(len, self.near))
        self.work = work
        self.random = random.Random(0)

    def attempt(self, order: list[int]) -> Attempt:
        """The plan of an order."""
        self.work -= self.pairs
        packing = pack(self.lives, self.near, order)
        cost = sum(
            max(0.0, reached / bound - 1) if bound else float(reached)
            for reached, bound in zip(packing.arena, self.bound, strict=True)
        )
        return Attempt(cost, packing, order)

    def run(self) -> Attempt:
        """The best plan that is found."""
        tried = sorted(map(self.attempt, orders(self.lives)), key=lambda each: each.cost)
        best = self.repair(self.raise_top(tried[0]))
        if best.cost:
            best = self.repair(min(best, *map(self.raise_top, tried), key=lambda each: each.cost))
        return best

    def tops(self, packing: Packing) -> list[int]:
        """The buffers that end at the top of the arena."""
        return [
            i
            for i, (offset, life) in enumerate(zip(packing.offsets, self.lives, strict=True))
            if any(o + s == a for o, s, a in zip(offset, life.size, packing.arena, strict=True))
        ]

    def raise_top(self, start: Attempt) -> Attempt:
        """Move the buffers at the top of the arena to the front while that changes the order."""
        best = each = start
        for _ in range(ROUNDS):
            if not best.cost or self.work <= 0:
                break
            tops = set(self.tops(each.packing))
            moved = [i for i in each.order if i in tops] + [i for i in each.order if i not in tops]
            if moved == each.order:
                break
            each = self.attempt(moved)
            best = min(best, each, key=lambda each: each.cost)
        return best

    def repair(self, best: Attempt) -> Attempt:
        """Place what surrounds the top of the arena first, in an order searched for it alone."""
        hops = 1
        while best.cost and self.work > 0 and hops <= HOPS:
            members = self.around(self.tops(best.packing), hops)
            part = Search([self.lives[i] for i in members], self.bound, self.work // SHARE)
            found = part.shuffle(part.attempt(part.sorted_like(members, best.order)))
            self.work -= self.work // SHARE - part.work
            first = [members[k] for k in found.order]
            rest = set(members)
            each = self.raise_top(self.attempt(first + [i for i in best.order if i not in rest]))
            if each.cost < best.cost:
                best, hops = each, 1
            else:
                hops += 1
        return best

    def around(self, centre: Iterable[int], hops: int) -> list[int]:
        """The buffers that are at most `hops` overlaps away from the `centre`."""
        found = dict.fromkeys(centre)
        for _ in range(hops):
            found.update(dict.fromkeys(j for i in list(found) for j in self.near[i]))
        return list(found)

    def sorted_like(self, members: Sequence[int], order: Sequence[int]) -> list[int]:
        """The positions in `members`, as `order` has them."""
        position = {i: p for p, i in enumerate(order)}
        return sorted(range(len(members)), key=lambda k: position[members[k]])

    def shuffle(self, best: Attempt) -> Attempt:
        """Move a buffer at the top, or a neighbour of it, to a random earlier place."""
        while best.cost and self.work > 0:
            top = self.random.choice(self.tops(best.packing))
            i = self.random.choice([top, *self.near[top]])
            moved = [j for j in best.order if j != i]
            moved.insert(self.random.randrange(best.order.index(i) + 1), i)
            each = self.attempt(moved)
            if each.cost <= best.cost:
                best = each
        return best


def share_middles(
    packing: Packing, lives: Sequence[Life], near: Sequence[Sequence[int]]
) -> Packing:
    """The plan with buffers moved, within its arena, to where others before had their middles.

    Threads share out a layer from the first byte of its result to the last. Around the middle of a
    buffer that lay there before, each of two threads writes what it wrote before; elsewhere up to
    half of the cache lines are held by the other core, and take 8 ns each to write.
    """
    offsets = list(packing.offsets)
    sizes = [life.size for life in lives]
    results = (i for i, life in enumerate(lives) if not life.is_scratch)
    by_begin = sorted(results, key=lambda i: lives[i].begin)
    for _ in range(SWEEPS):
        for position, i in enumerate(by_begin):
            size = sizes[i]
            for j in reversed(by_begin[max(position - BEFORE, 0) : position]):
                place = around_middle(offsets[j], sizes[j], size)
                if lives[j].overlaps(lives[i]) or not is_within(place, size, packing.arena):
                    continue
                if all(are_disjoint(place, size, offsets[k], sizes[k]) for k in near[i]):
                    offsets[i] = place
                    break
    return Packing(offsets, packing.arena)


def plan(lives: Sequence[Life]) -> Packing:
    """Offsets of all buffers; those that live at the same time are disjoint for every batch."""
    bound = widest_cut(lives)
    if sum(life.size[0] for life in lives) == bound[0]:
        return stacked(lives)
    search = Search(lives, bound, WORK)
    packing = search.run().packing
    if search.pairs * SWEEPS * BEFORE > WORK:
        return packing
    return share_middles(packing, lives, search.near)


def stacked(lives: Sequence[Life]) -> Packing:
    """Every buffer behind the one before: the only plan if all are alive at some operation."""
    offsets: list[Extent] = []
    one = scale = 0
    for life in lives:
        offsets.append((one, scale))
        one, scale = one + life.size[0], scale + life.size[1]
    return Packing(offsets, (one, scale))
