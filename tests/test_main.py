"""Ctrl-C while the command is being loaded, and right after."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Ctrl-C in the middle of loading, at the same place each time.
LOADING = """
import os, signal, sys

class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Impatient())
sys.argv = ["safelight", "--version"]
from {module} import {name}
{name}()
"""


def loading(*, ignored: bool = False) -> subprocess.CompletedProcess[str]:
    """Run what the console script runs."""
    script = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["safelight"]
    module, _, name = script.partition(":")
    code = LOADING.format(module=module, name=name)
    if ignored:
        code = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_who_interrupts_while_it_is_loaded_sees_nothing_of_that() -> None:
    ran = loading()
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "")


def test_who_has_it_ignored_is_not_heard() -> None:
    ran = loading(ignored=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("safelight, version ")


def test_once_it_is_loaded_a_command_may_put_things_right_first() -> None:
    code = (
        "import os, signal, sys, time\n"
        "from safelight import config\n"
        "from safelight.__main__ import main\n"
        "def load(*_, **__):\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(20)\n"
        "    finally:\n"
        "        print('put right')\n"
        "config.load = load\n"
        "sys.argv = ['safelight', 'check']\n"
        "main()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "put right\n", "")
