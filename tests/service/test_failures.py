"""What fails once, what is remembered of it, and what is refused."""

import threading
import time
from pathlib import Path

import pytest

from safelight.errors import (
    Busy,
    SourceDamaged,
    SourceTooLarge,
)
from safelight.service import Info, Service
from safelight.storage import opened_bytes
from safelight.transform import Transform
from tests.support.services import LIMITS, MEADOW, Gate, ServiceOf, change, located, soon
from tests.support.serving import wait_for


def test_a_failure_is_remembered_and_another_version_is_tried_at_once(
    service: Service, gate: Gate, folder: Path
) -> None:
    flight, _ = service.submit(located(service, "cut.jpg"), deadline=soon())
    with pytest.raises(SourceDamaged) as first:
        flight.result(20)
    with pytest.raises(SourceDamaged) as again:
        service.submit(located(service, "cut.jpg"), deadline=soon())
    assert gate.renders == 1
    assert again.value is not first.value
    assert again.value.detail == first.value.detail

    change(folder / "cut.jpg", folder / MEADOW)
    flight, _ = service.submit(located(service, "cut.jpg"), deadline=soon())
    assert flight.result(20).mime == "image/jpeg"


def test_a_remembered_failure_is_forgotten_after_its_time(
    service: Service, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SourceDamaged, "cacheable_seconds", 0.05)
    for renders in (1, 2):
        flight, _ = service.submit(located(service, "cut.jpg"), deadline=soon())
        with pytest.raises(SourceDamaged):
            flight.result(20)
        assert gate.renders == renders
        time.sleep(0.06)


def test_a_passing_failure_is_not_remembered(service: Service, gate: Gate) -> None:
    def fail() -> None:
        gate.meanwhile = lambda: None
        raise Busy("not now")

    gate.meanwhile = fail
    flight, _ = service.submit(located(service), deadline=soon())
    with pytest.raises(Busy):
        flight.result(20)
    flight, _ = service.submit(located(service), deadline=soon())
    assert flight.result(20).stored


def test_a_full_queue_refuses_and_tells_when_to_come_back(
    service_of: ServiceOf, gate: Gate
) -> None:
    service = service_of(queue=2)
    service.make(located(service, w=50), deadline=soon())
    gate.open.clear()
    flights = [service.submit(located(service, w=w), deadline=soon())[0] for w in (60, 61)]
    with pytest.raises(Busy) as refused:
        service.submit(located(service, w=62), deadline=soon())
    assert refused.value.retry_after_seconds is not None
    assert refused.value.retry_after_seconds >= 1
    with opened_bytes(b"x", version="1") as body, pytest.raises(Busy):
        service.submit_upload(body, Transform.of(w=10), deadline=soon())
    with pytest.raises(Busy):
        service.submit_analysis(MEADOW, deadline=soon())
    # Who asks for what is already being made only waits for it; what is stored or known is there.
    assert service.submit(located(service, w=60), deadline=soon())[1] is True
    assert service.lookup(located(service, w=50)) is not None
    assert service.submit_info(MEADOW, deadline=soon()).result(20).header.width == 1280

    gate.open.set()
    for flight in flights:
        flight.result(20)
    wait_for(lambda: not service._flights)
    assert service.submit(located(service, w=62), deadline=soon())[0].result(20).stored


def test_too_many_questions_are_refused_and_the_next_ones_are_not(
    service_of: ServiceOf, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of(queue=2)
    answering = threading.Event()
    info = service.info

    def slowly(key: str, *, deadline: float) -> Info:
        assert answering.wait(20)
        return info(key, deadline=deadline)

    monkeypatch.setattr(service, "info", slowly)
    asked = [service.submit_info(MEADOW, deadline=soon()) for _ in range(2)]
    with pytest.raises(Busy):
        service.submit_info(MEADOW, deadline=soon())
    answering.set()
    assert [question.result(20).header.width for question in asked] == [1280, 1280]
    wait_for(lambda: not service._questions)
    assert service.submit_info(MEADOW, deadline=soon()).result(20).header.width == 1280


def test_work_that_could_not_be_done_in_time_is_refused(service: Service, gate: Gate) -> None:
    service._flights.mean_seconds = 5.0
    gate.open.clear()
    flight, _ = service.submit(located(service, w=60), deadline=soon())
    with pytest.raises(Busy):
        service.submit(located(service, w=61), deadline=time.monotonic() + 1)
    gate.open.set()
    flight.result(20)


def test_a_source_with_too_many_bytes_is_refused_before_it_is_read(
    service: Service, gate: Gate, folder: Path
) -> None:
    with (folder / MEADOW).open("ab") as file:
        file.truncate(LIMITS.source_bytes + 1)
    with pytest.raises(SourceTooLarge):
        service.make(located(service), deadline=soon())
    with pytest.raises(SourceTooLarge):
        service.info(MEADOW, deadline=soon())
    assert gate.renders == 0


def test_a_store_that_cannot_be_written_still_answers(
    service_of: ServiceOf, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    service = service_of(variants=tmp_path / "file" / "variants")
    for _ in range(2):
        assert service.lookup(located(service)) is None
        flight, _ = service.submit(located(service), deadline=soon())
        answer = flight.result(20)
        assert (answer.mime, answer.cached, answer.stored) == ("image/jpeg", False, False)
        wait_for(lambda: not service._flights)
    assert "answered without storing" in caplog.text


def test_a_broken_variant_is_made_again(service: Service, gate: Gate, tmp_path: Path) -> None:
    wanted = located(service)
    whole = service.make(wanted, deadline=soon())
    (tmp_path / "variants" / wanted.variant.path).write_bytes(whole.data[:-1])
    assert service.lookup(wanted) is None
    assert service.make(wanted, deadline=soon()).data == whole.data
    assert gate.renders == 2
