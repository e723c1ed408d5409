"""Counts and histograms, written so that Prometheus's own library reads what they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.observe import Counter, Histogram
from safelight.web.metrics import _histogram, _simple
from tests.support.exposition import of, read


@given(st.dictionaries(st.text(), st.integers(0, 10**15) | st.floats(0, 1e9)))
def test_any_value_of_a_label_is_read_as_it_was(values: dict[str, float]) -> None:
    counter = Counter("safelight_things_total", "Things.", ("what",))
    for value, amount in values.items():
        counter.add((value,), amount)
    lines = _simple(counter.name, "counter", counter.meaning, counter.labels, counter.read())
    # The format ends lines with a line feed alone; this parser also takes others for ends.
    text = "".join(f"{line}\n" for line in lines)
    if not any(set(value) & set("\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029") for value in values):
        assert read(text) == {
            of("things_total", what=value): amount for value, amount in values.items()
        }


@given(st.lists(st.floats(0, 30)))
def test_a_histogram_is_read_as_it_was(took: list[float]) -> None:
    histogram = Histogram("safelight_seconds", "Seconds.", ("stage",), (0.001, 0.25, 10.0))
    for seconds in took:
        histogram.observe(seconds, ("decode",))
    counts = read("".join(f"{line}\n" for line in _histogram(histogram)))
    if not took:
        assert counts == {}
        return
    for bound in ("0.001", "0.25", "10", "+Inf"):
        at_most = sum(seconds <= float(bound) for seconds in took)
        assert counts[of("seconds_bucket", stage="decode", le=bound)] == at_most
    assert counts[of("seconds_count", stage="decode")] == len(took)
    assert counts[of("seconds_sum", stage="decode")] == pytest.approx(sum(took))
