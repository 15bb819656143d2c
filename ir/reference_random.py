"""What the random operations mean: Philox 4x32-10 and TensorFlow's use of its words.

tensorflow/core/lib/random/philox_random.h and random_distributions.h define them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Words = NDArray[np.uint64]
"""Words of 32 bits, in 64 so that their products fit."""

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
WORD = 0xFFFFFFFF
SCRAMBLE = 0x02461E293EC8F720
"""The key that turns a seed into a key and a counter."""

RESERVED = 256
"""Words that the generator has for each number of a truncated distribution."""

LIMIT = 2.0
"""Where the truncated normal distribution ends."""


def philox(key: int, counters: Words) -> Words:
    """The four words of each counter, `[n, 4]` to `[n, 4]`."""
    keys = [key & WORD, key >> 32]
    c = [counters[:, i].astype(np.uint64) for i in range(4)]
    for _ in range(ROUNDS):
        low, high = (c[2 * i] * np.uint64(MULTIPLIERS[i]) for i in range(2))
        words = np.uint64(WORD), np.uint64(32)
        c = [
            (high >> words[1]) ^ c[1] ^ np.uint64(keys[0]),
            high & words[0],
            (low >> words[1]) ^ c[3] ^ np.uint64(keys[1]),
            low & words[0],
        ]
        keys = [(k + w) & WORD for k, w in zip(keys, WEYL, strict=True)]
    return np.stack(c, 1)


def blocks(key: int, counter: int, count: int) -> Words:
    """The words of `count` counters from `counter` on, a number of 128 bits."""
    numbers = [(counter + i) % (1 << 128) for i in range(count)]
    counters = [[n >> (32 * i) & WORD for i in range(4)] for n in numbers]
    return philox(key, np.array(counters, np.uint64).reshape(-1, 4))


def random_key(*, seed: Array, result: Any) -> Array:
    """`nn.random_key`."""
    low, high = (int(s) % (1 << 64) for s in seed)
    (words,) = blocks(SCRAMBLE, low | high << 64, 1).tolist()
    return np.array([words[0] | words[1] << 32, 0, words[2] | words[3] << 32], np.uint64)


def _uniform(words: Words, dtype: np.dtype[Any]) -> Array:
    """Mantissas of numbers from 1 to 2, less 1: of one word for float32, of two for float64."""
    if dtype == np.float32:
        mantissa = (words & np.uint64(0x7FFFFF)).astype(np.uint32)
        return (mantissa | np.uint32(127 << 23)).view(np.float32) - np.float32(1)
    high, low = words[..., 0::2], words[..., 1::2]
    mantissa = (high & np.uint64(0xFFFFF)) << np.uint64(32) | low
    return (mantissa | np.uint64(1023 << 52)).view(np.float64) - 1


def _normal(words: Words, dtype: np.dtype[Any]) -> Array:
    """Pairs of numbers from pairs of uniform ones (Box and Muller)."""
    uniform = _uniform(words, dtype)
    radius = np.sqrt(-2 * np.log(np.maximum(uniform[..., 0::2], dtype.type(1e-7))))
    angle = (2 * np.pi * uniform[..., 1::2].astype(np.float64)).astype(dtype)
    pairs = np.stack([np.sin(angle) * radius, np.cos(angle) * radius], -1)
    return pairs.reshape(uniform.shape).astype(dtype)


def _truncated(key: int, counter: int, size: int, dtype: np.dtype[Any]) -> Array:
    """Normal numbers below `LIMIT`, in groups with words of their own."""
    group = 4 if dtype == np.float32 else 2
    stride = group * RESERVED // 4
    kept: list[Array] = []
    for start in range(0, size, group):
        first = counter + start // group * stride
        numbers = _normal(blocks(key, first, stride), dtype).reshape(-1)
        kept.append(numbers[np.abs(numbers) < LIMIT][:group])
    return np.concatenate(kept) if kept else np.zeros(0, dtype)


def random(*, key: Array, counter: Array, distribution: str, result: Any) -> Array:
    """`nn.random`."""
    size, dtype = math.prod(result.shape), np.dtype(result.dtype)
    first = int(counter[0]) | int(counter[1]) << 64
    if distribution == "truncated_normal":
        numbers = _truncated(int(key[0]), first, size, dtype)
    else:
        words = blocks(int(key[0]), first, -(-size * dtype.itemsize // 16))
        match distribution:
            case "uniform":
                numbers = _uniform(words, dtype)
            case "normal":
                numbers = _normal(words, dtype)
            case _ if dtype == np.uint32:
                numbers = words.astype(dtype)
            case _:
                numbers = words[..., 0::2] | words[..., 1::2] << np.uint64(32)
    return numbers.reshape(-1)[:size].reshape(result.shape)
