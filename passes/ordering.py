"""An order of tasks in which the tensors between them take few bytes.

Finding the best order is NP-hard (register sufficiency, Sethi 1975). This starts from the lowest of
three orders (as given; depth first; greedily, whatever frees most), and then improves it window by
window: a window is a stretch of the order, what is alive before and after it stays the same, and
a beam search looks for an order of its tasks with a lower peak. Windows with the highest peak come
first, and those below what others need stay as they are. All of it is deterministic, and takes time
in proportion to the number of tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush

WINDOW = 48
"""Tasks in a window at most: more than a cell of an Inception or a NASNet has."""

BEAM = 32
"""Partial orders that the search keeps; more found nothing on keras.applications."""


@dataclass(frozen=True)
class Task:
    """Computes the tensor of its own number, of `size` bytes, from those of the tasks `reads`.

    It needs `scratch` bytes while it runs. Its result may lie where one of `overwrites` did, if
    nothing reads that later. It runs `after` others, of which it reads nothing.
    """

    reads: tuple[int, ...]
    size: int
    scratch: int = 0
    overwrites: frozenset[int] = frozenset()
    after: tuple[int, ...] = ()

    @property
    def requires(self) -> tuple[int, ...]:
        """The tasks that run before it."""
        return (*self.reads, *self.after)


@dataclass(frozen=True)
class Profile:
    """Bytes for each position of an order: while the task runs, and after it."""

    peaks: list[int]
    after: list[int]

    @property
    def peak(self) -> int:
        """The most bytes that are alive together."""
        return max(self.peaks, default=0)


@dataclass(frozen=True)
class Tasks:
    """All tasks of a function, in an order that respects what they require."""

    tasks: Sequence[Task]

    @cached_property
    def readers(self) -> list[list[int]]:
        """The tasks that read each tensor."""
        readers: list[list[int]] = [[] for _ in self.tasks]
        for i, task in enumerate(self.tasks):
            for j in task.reads:
                readers[j].append(i)
        return readers

    @cached_property
    def successors(self) -> list[list[int]]:
        """The tasks that require each task."""
        successors: list[list[int]] = [[] for _ in self.tasks]
        for i, task in enumerate(self.tasks):
            for j in task.requires:
                successors[j].append(i)
        return successors

    def profile(self, order: Sequence[int]) -> Profile:
        """What is alive when the tasks run in this order."""
        left = [len(readers) for readers in self.readers]
        peaks: list[int] = []
        after: list[int] = []
        live = 0
        for i in order:
            task = self.tasks[i]
            for j in task.reads:
                left[j] -= 1
            freed = [j for j in task.reads if not left[j]]
            peaks.append(live + self.needed(task, freed))
            live += task.size if self.readers[i] else 0
            live -= sum(self.tasks[j].size for j in freed)
            after.append(live)
        return Profile(peaks, after)

    def needed(self, task: Task, freed: Sequence[int]) -> int:
        """Bytes that a task adds while it runs, if it is the last to read the `freed` tensors."""
        is_in_place = any(j in task.overwrites for j in freed)
        return task.scratch + (0 if is_in_place else task.size)

    def depth_first(self) -> list[int]:
        """Each task right after what it reads, the largest operand first."""
        order: list[int] = []
        done = [False] * len(self.tasks)
        for root in range(len(self.tasks)):
            if self.successors[root]:
                continue
            pending = [(root, False)]
            while pending:
                i, ready = pending.pop()
                if done[i]:
                    continue
                if ready:
                    done[i] = True
                    order.append(i)
                    continue
                pending.append((i, True))
                operands = sorted(self.tasks[i].requires, key=lambda j: (self.tasks[j].size, -j))
                pending += [(j, False) for j in operands if not done[j]]
        return order

    def greedy(self) -> list[int]:
        """Always the task that adds least to what is alive; of equals, the first."""
        left = [len(readers) for readers in self.readers]
        waiting = [len(task.requires) for task in self.tasks]
        done = [False] * len(self.tasks)
        order: list[int] = []
        heap: list[tuple[int, int]] = []

        def offer(i: int) -> None:
            freed = sum(self.tasks[j].size for j in self.tasks[i].reads if left[j] == 1)
            heappush(heap, (self.tasks[i].size - freed, i))

        for i, count in enumerate(waiting):
            if not count:
                offer(i)
        while heap:
            _, i = heappop(heap)
            if done[i]:
                continue
            done[i] = True
            order.append(i)
            for j in self.tasks[i].reads:
                left[j] -= 1
                if left[j] == 1:
                    last = next(k for k in self.readers[j] if not done[k])
                    if not waiting[last]:
                        offer(last)
            for k in self.successors[i]:
                waiting[k] -= 1
                if not waiting[k]:
                    offer(k)
        return order

    def windows(self, after: Sequence[int]) -> list[range]:
        """Stretches of an order; they end where few bytes are alive."""
        windows: list[range] = []
        begin = 0
        while begin < len(after):
            end = min(begin + WINDOW, len(after))
            if end < len(after):
                middle = begin + WINDOW // 2
                end = min(range(middle, end), key=lambda i: (after[i], -i)) + 1
            windows.append(range(begin, end))
            begin = end
        return windows

    def improve(self, order: list[int]) -> list[int]:
        """The order with windows in a better one."""
        profile = self.profile(order)
        position = [0] * len(order)
        for p, i in enumerate(order):
            position[i] = p
        peaks = {w: max(profile.peaks[w.start : w.stop]) for w in self.windows(profile.after)}
        best = list(order)
        floor = 0
        for window, peak in sorted(peaks.items(), key=lambda item: (-item[1], item[0].start)):
            if peak <= floor:
                break
            before = profile.after[window.start - 1] if window.start else 0
            found = Window(self, order, window, position).search(before, peak)
            if found is not None:
                peak, best[window.start : window.stop] = found
            floor = max(floor, peak)
        return best

    def order(self) -> list[int]:
        """The order to run in; the one given if none is better."""
        given = list(range(len(self.tasks)))
        starts = [given, self.depth_first(), self.greedy()]
        improved = [self.improve(start) for start in starts]
        return min([given, *improved], key=lambda order: self.profile(order).peak)


@dataclass(frozen=True)
class Step:
    """A task of a window. Sets of tasks are bits, one for each position in the window."""

    task: Task
    bit: int
    requires: int
    """The tasks of the window that must run before."""
    ends: tuple[tuple[int, int, int], ...]
    """Tensors that end in the window: number, size, the tasks that read them."""
    stays: bool
    """Whether something reads the result."""


@dataclass(frozen=True)
class Partial:
    """The tasks that have run, in which order, the bytes alive after them, and the most so far."""

    peak: int
    live: int
    done: int
    order: tuple[int, ...]


class Window:
    """The tasks at the positions `window` of an order."""

    def __init__(self, tasks: Tasks, order: Sequence[int], window: range, position: Sequence[int]):
        self.members = [order[p] for p in window]
        bits = {i: 1 << k for k, i in enumerate(self.members)}
        self.steps: list[Step] = []
        for i in self.members:
            task = tasks.tasks[i]
            ends = [
                (j, tasks.tasks[j].size, sum(bits.get(k, 0) for k in tasks.readers[j]))
                for j in task.reads
                if all(position[k] < window.stop for k in tasks.readers[j])
            ]
            requires = sum(bits.get(j, 0) for j in task.requires)
            self.steps.append(Step(task, bits[i], requires, tuple(ends), bool(tasks.readers[i])))

    def search(self, before: int, limit: int) -> tuple[int, list[int]] | None:
        """A peak below `limit` and the order that has it; None if the search finds none.

        `before`: bytes that are alive in front of the window.
        """
        beam = [Partial(0, before, 0, ())]
        for _ in self.steps:
            found: dict[int, Partial] = {}
            for partial in beam:
                for k, step in enumerate(self.steps):
                    if partial.done & step.bit or step.requires & ~partial.done:
                        continue
                    longer = extended(partial, k, step)
                    known = found.get(longer.done)
                    if longer.peak < limit and (known is None or longer.peak < known.peak):
                        found[longer.done] = longer
            if not found:
                return None
            ranked = sorted(found.values(), key=lambda p: (p.peak, p.live, p.order))
            beam = ranked[:BEAM]
        best = beam[0]
        return best.peak, [self.members[k] for k in best.order]


def extended(partial: Partial, k: int, step: Step) -> Partial:
    """The partial order with the step `k` behind it."""
    done = partial.done | step.bit
    freed = [(j, size) for j, size, readers in step.ends if not readers & ~done]
    is_in_place = any(j in step.task.overwrites for j, _ in freed)
    during = partial.live + step.task.scratch + (0 if is_in_place else step.task.size)
    live = partial.live + (step.task.size if step.stays else 0) - sum(size for _, size in freed)
    return Partial(max(partial.peak, during), live, done, (*partial.order, k))
