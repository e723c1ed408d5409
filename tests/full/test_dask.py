"""A back-fill over a real cluster of Dask's, some of whose workers are killed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.serving import clean_environment, wait_for

pytestmark = [pytest.mark.full, pytest.mark.timeout(180)]

PHOTOS = 300


@pytest.fixture
def home(data: Path, tmp_path: Path) -> Path:
    """Give a folder of many photographs, one that is none, and settings with a preset."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(PHOTOS):
        shutil.copy(data / "photos" / "photo-1mp.jpg", folder / f"{number:03}.jpg")
    (folder / "bad.jpg").write_text("no image")
    (tmp_path / "safelight.toml").write_text('[presets]\nthumb = "w=200,format=jpeg"\n')
    return tmp_path


class Cluster:
    """A scheduler, and two workers that are started again when they die."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.address = ""
        self._client: Any = None

    def start(self) -> None:
        from distributed import Client

        file = self._folder / "scheduler.json"
        here = ("--host", "127.0.0.1", "--no-dashboard")
        self._run("scheduler", *here, "--port", "0", "--scheduler-file", str(file))
        wait_for(file.exists, seconds=60)
        self.address = json.loads(file.read_text())["address"]
        self._run("worker", self.address, *here, "--nworkers", "2", "--nthreads", "1",
                  "--local-directory", str(self._folder / "dask"))  # fmt: skip
        self._client = Client(self.address, set_as_default=False)
        self._client.wait_for_workers(2, timeout=60)

    def _run(self, *arguments: str) -> None:
        with (self._folder / f"{arguments[0]}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "dask", *arguments],
                    cwd=self._folder,
                    env=clean_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    # To be ended with all that it has started.
                    start_new_session=True,
                )
            )

    def workers(self) -> list[int]:
        """List the processes that work now."""
        return list(self._client.run(os.getpid, on_error="ignore").values())

    def rendering(self) -> list[int]:
        """List the rendering processes that belong to them."""
        return [
            int(pid)
            for worker in self.workers()
            for task in Path(f"/proc/{worker}/task").glob("*/children")
            for pid in task.read_text().split()
            if b"safelight.workers.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    def stop(self) -> None:
        if self._client is not None:
            self._client.close()
        for process in self._processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    running = Cluster(tmp_path)
    try:
        running.start()
        yield running
    finally:
        running.stop()


def started(home: Path, cluster: Cluster) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "safelight", "backfill", "--only", "thumb",
         "--dask", cluster.address],
        cwd=home,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def made(home: Path) -> int:
    return len(list((home / ".safelight" / "variants").glob("*.jpg@/*-p????????????")))


def check_all_is_there(home: Path, process: "subprocess.Popen[str]") -> None:
    out, said = process.communicate(timeout=150)
    assert process.returncode == 1, said
    sources = [
        int(number) for number in re.findall(r"^([0-9]+) (?:sources|were)", out, re.MULTILINE)
    ]
    assert sum(sources) == PHOTOS + 1, out
    assert "delayed" not in out
    assert made(home) == PHOTOS
    [failure] = (home / "backfill-failures.jsonl").read_text().splitlines()
    assert json.loads(failure)["key"] == "bad.jpg"
    [manifest] = (home / ".safelight" / "variants" / "@pipelines" / "backfill").glob("*.json")
    assert json.loads(manifest.read_bytes())["complete"]


def test_a_cluster_does_the_work_and_keeps_nothing_running(home: Path, cluster: Cluster) -> None:
    process = started(home, cluster)
    wait_for(lambda: made(home) > 20, seconds=60)
    assert len(cluster.rendering()) == 2
    check_all_is_there(home, process)
    wait_for(lambda: not cluster.rendering())


def test_a_worker_that_is_killed_midway_loses_nothing(home: Path, cluster: Cluster) -> None:
    process = started(home, cluster)
    for count in (20, 90):
        wait_for(lambda count=count: made(home) > count, seconds=60)
        os.kill(cluster.workers()[0], signal.SIGKILL)
    check_all_is_there(home, process)


def test_a_rendering_process_that_is_killed_midway_loses_nothing(
    home: Path, cluster: Cluster
) -> None:
    process = started(home, cluster)
    wait_for(lambda: made(home) > 20, seconds=60)
    for pid in cluster.rendering():
        os.kill(pid, signal.SIGKILL)
    check_all_is_there(home, process)


def test_who_sent_the_work_may_go_and_come_back(home: Path, cluster: Cluster) -> None:
    process = started(home, cluster)
    wait_for(lambda: made(home) > 20, seconds=60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command goes on from there" in said
    check_all_is_there(home, started(home, cluster))


def test_an_address_that_is_none_is_told_at_once(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "safelight", "backfill", "--only", "thumb", "--dask", "nonsense"],
        cwd=home,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert "--dask nonsense: missing port" in said
