"""The weight store: a name is written once, and a constant is stored once."""

import numpy as np

from tfrc.ir.weights import WeightStore

ONES = np.ones(3, np.float32)


def test_a_name_that_is_taken_gets_a_number() -> None:
    store = WeightStore()
    assert [store.add("w", ONES) for _ in range(3)] == ["w", "w.2", "w.3"]


def test_the_same_constant_is_stored_once() -> None:
    store = WeightStore()
    assert store.share("w", ONES) == "w"
    assert store.share("w", 2 * ONES) == "w.2"
    assert store.share("w", ONES.copy()) == "w"
    assert store.share("w", 2 * ONES) == "w.2"
    assert len(store) == 2


def test_constants_of_other_bits_are_not_the_same() -> None:
    store = WeightStore({"w": np.zeros(3, np.float32)})
    others = -np.zeros(3, np.float32), np.zeros(3, np.int32), np.zeros((3, 1), np.float32)
    assert [store.share("w", array) for array in others] == ["w.2", "w.3", "w.4"]
    nan = np.full(3, np.nan, np.float32)
    assert store.share("nan", nan) == store.share("nan", nan.copy()) == "nan"
