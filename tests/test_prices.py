"""The prices of a million pictures: what the page shows is what is reckoned."""

import pytest

from docs import prices


def test_the_page_has_the_table_as_it_is_reckoned_now() -> None:
    page = prices.PAGE.read_text(encoding="utf-8")
    assert prices.BEGIN + prices.table() + prices.END in page


def test_the_processor_costs_what_was_measured_last() -> None:
    assert 0.005 < prices.processor_seconds() < 0.5


@pytest.mark.parametrize(
    ("seconds", "step", "least", "billed"),
    [(0.1234, 0.001, 0, 0.124), (0.2, 0.1, 0, 0.2), (0.201, 0.1, 0, 0.3), (0.2, 0.1, 1, 1.0)],
)
def test_time_is_rounded_up_as_it_is_billed(
    seconds: float, step: float, least: float, billed: float
) -> None:
    asked = prices.Prices("", 1, step, 1, 1, 1, 1, least=least)
    assert prices.billed(seconds, asked) == pytest.approx(billed)


@pytest.mark.parametrize("cloud", prices.PRICES)
def test_a_picture_that_is_made_costs_more_than_one_that_is_sent(cloud: str) -> None:
    time, calls, store = prices.made(prices.PRICES[cloud])
    assert min(time, calls, store) > 0
    assert sum((time, calls, store)) > prices.sent(prices.PRICES[cloud])
