import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight import observe
from safelight.observe import Counter, Histogram, Request, Timings, identified


def test_stages_are_listed_in_the_order_in_which_they_came() -> None:
    timings = Timings()
    timings.add("lookup", 0.04)
    timings.add("decode", 12.34)
    timings.add("lookup", 1.0)
    assert timings.header() == "lookup;dur=1.0, decode;dur=12.3"
    assert timings.stages == {"lookup": pytest.approx(1.04), "decode": 12.34}


def test_without_stages_there_is_nothing_to_say() -> None:
    assert Timings().header() == ""


def test_a_block_is_measured_and_added_up() -> None:
    timings = Timings()
    with timings.stage("render"):
        pass
    once = timings.stages["render"]
    with timings.stage("render"):
        sum(range(1_000))
    assert timings.stages["render"] > once >= 0


def test_a_block_that_fails_is_measured_and_still_fails() -> None:
    timings = Timings()
    with pytest.raises(KeyError), timings.stage("fetch"):
        raise KeyError
    assert list(timings.stages) == ["fetch"]


def test_a_stage_inside_a_stage_counts_for_both() -> None:
    timings = Timings()
    with timings.stage("outer"), timings.stage("inner"):
        pass
    assert timings.stages["outer"] >= timings.stages["inner"] >= 0


def test_the_header_follows_the_grammar_of_server_timing() -> None:
    timings = Timings()
    for number, stage in enumerate(("lookup", "fetch", "decode", "encode", "store")):
        timings.add(stage, 10.0**number)
    metric = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+;dur=[0-9]+\.[0-9]+"
    assert re.fullmatch(rf"{metric}(, {metric})*", timings.header())


def test_a_stage_is_counted_where_it_is_wanted_and_has_an_end() -> None:
    counted = Histogram("seconds", "", ("stage",), (0.01, 1.0))
    timings = Timings(counted)
    timings.add("decode", 5.0)
    timings.add("encode", 20.0)
    assert counted.read() == {
        ("decode",): ([1, 1, 1], 0.005, 0),
        ("encode",): ([0, 1, 1], 0.02, 0),
    }
    assert timings.ended["decode"] <= timings.ended["encode"]


def test_stages_follow_one_another() -> None:
    timings = Timings()
    assert timings.intervals() == []
    timings.add("fetch", 2.0)
    timings.ended["fetch"] = 10.0
    # Both are known when the second ends.
    timings.add("decode", 3_000.0)
    timings.add("encode", 1_000.0)
    timings.ended.update(decode=15.0, encode=15.0)
    assert timings.intervals() == [
        ("fetch", pytest.approx(9.998), 10.0),
        ("decode", 11.0, 14.0),
        ("encode", 14.0, 15.0),
    ]


def test_a_counter_counts_by_the_values_of_its_labels() -> None:
    counter = Counter("bytes", "", ("door", "status"))
    counter.add(("native", 200))
    counter.add(("native", 200), 41)
    counter.add(("native", 404))
    assert counter.read() == {("native", 200): 42, ("native", 404): 1}


def test_what_was_read_does_not_change_any_more() -> None:
    counter, histogram = Counter("a", ""), Histogram("b", "", bounds=(1.0,))
    counter.add()
    histogram.observe(0.5)
    counts, times = counter.read(), histogram.read()
    counter.add()
    histogram.observe(0.5)
    assert (counts, times) == ({(): 1}, {(): ([1, 1], 0.5, 0)})


@given(st.lists(st.floats(0, 20)), st.sets(st.floats(0.001, 10), min_size=1))
def test_a_histogram_counts_what_took_at_most_so_long(took: list[float], some: set[float]) -> None:
    bounds = tuple(sorted(some))
    histogram = Histogram("seconds", "", bounds=bounds)
    for seconds in took:
        histogram.observe(seconds, size=7)
    expected = [sum(seconds <= bound for seconds in took) for bound in bounds]
    if took:
        counts, total, size = histogram.read()[()]
        assert size == 7 * len(took)
        assert counts == [*expected, len(took)]
        assert total == pytest.approx(sum(took))
    else:
        assert histogram.read() == {}


class Slow(float):
    """An amount that lets another thread run in the middle of adding it."""

    def __radd__(self, other: float) -> float:
        time.sleep(0)
        return other + float(self)


def test_no_count_is_lost_between_threads() -> None:
    counter, histogram = Counter("a", "", ("who",)), Histogram("b", "", bounds=(1.0,))
    threads, each = 8, 200
    together = threading.Barrier(threads)

    def count(number: int) -> None:
        together.wait()
        for _ in range(each):
            counter.add(("all",), Slow(1))
            counter.add((number % 2,), Slow(1))
            histogram.observe(Slow(0.25))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(count, range(threads)))
    half = threads * each // 2
    assert counter.read() == {("all",): 2 * half, (0,): half, (1,): half}
    assert histogram.read() == {(): ([2 * half, 2 * half], half / 2, 0)}


@pytest.mark.parametrize(
    "given",
    ["7f3a-1", "Root=1-67891233-abcdef012345678912345678", "a" * 128, "x@y.z/1:2+3=_"],
)
def test_a_plain_request_id_is_taken_over(given: str) -> None:
    assert identified(given) == given


@pytest.mark.parametrize("given", ["", "a" * 129, "a b", "a\nb", 'a"', "<b>", "ä", "a\x00", "{1}"])
def test_any_other_request_id_is_replaced(given: str) -> None:
    made = identified(given)
    assert made != given
    assert identified(made) == made
    assert identified(given) != made


def test_a_request_is_current_until_it_is_left() -> None:
    assert observe.current().id == ""
    outer = observe.enter(Request("outer"))
    inner = observe.enter(Request("inner"))
    observe.current().cache = "hit"
    assert (observe.current().id, observe.current().cache) == ("inner", "hit")
    observe.leave(inner)
    assert (observe.current().id, observe.current().cache) == ("outer", "")
    observe.leave(outer)
    assert observe.current().id == ""
