"""The running service, asked for what its own description allows, and for what it does not.

Schemathesis reads `/openapi.json`, makes requests of it, and compares each answer with what the
document promises: status, content type, headers, schema. It runs as a command of its own, so that
nothing of it gets into these tests.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.serving import serving

SECONDS = 30
ADMIN = "an-admin-key-that-is-long-enough"
SETTINGS = f"""
[presets]
thumb = "w=100,h=100,fit=inside,format=jpeg"

[limits]
output_edge = 2000

[security]
unsigned = true
admin_key = "{ADMIN}"
"""
# Valid requests are refused for what no schema tells: a crop outside of the image, a body that is
# none. Addresses are read more kindly than they are described: aliases, synonyms, any case. Whoever
# brings no key is answered as with a wrong one, by 403, and not by 401.
CONFIGURATION = """
[parameters]
"path.key" = "photo-1mp.jpg"
"path.name" = "photo-1mp.jpg"
"path.path" = "photo-1mp.jpg"

[checks]
positive_data_acceptance.enabled = false
missing_required_header.enabled = false

[[operations]]
include-path = "/{transform}/{key}"
checks.negative_data_rejection.enabled = false
"""


@pytest.mark.full
def test_every_answer_is_what_the_document_promises(data: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(data / "photos" / "photo-1mp.jpg", photos)
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    with serving(photos, tmp_path, settings=SETTINGS) as server:
        # Not "-m schemathesis": it has only a command.
        command = Path(sys.executable).with_name("schemathesis")
        asked = subprocess.run(
            [
                command, "--config-file", configuration, "run", f"{server.url}/openapi.json",
                "--phases", "examples,coverage,fuzzing", "--max-time", str(SECONDS),
                "--max-failures", "5", "--seed", "1", "--header", f"Authorization: Bearer {ADMIN}",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False,
        )  # fmt: skip
        assert asked.returncode == 0, asked.stdout + asked.stderr
        assert "/{transform}/{key}" not in asked.stdout.partition("WARNINGS")[2]
    assert "Traceback" not in server.output
