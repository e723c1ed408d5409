import re

import pytest

from safelight.observe import Timings


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
