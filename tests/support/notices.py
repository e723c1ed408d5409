"""Samples of notifications, and keys as any cloud may have them."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

SAMPLES = Path(__file__).parent.parent / "data" / "events"
# What every sample is about.
KEY = "up/a b+é&.jpg"

KEYS = st.text(
    st.one_of(
        st.sampled_from(" +%&?#=é/.~*'\"\\日😀\n"),
        st.characters(codec="utf-8", exclude_characters="\0"),
    ),
    min_size=1,
    max_size=60,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=20,
)


def sample(name: str) -> Any:
    """Read a sample of this name."""
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def s3_created(*keys: str) -> bytes:
    """Write what S3 says when objects are created in the bucket ``photos``."""
    records = [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventTime": "2026-01-02T03:04:05.000Z",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "photos"}, "object": {"key": key, "size": 3, "eTag": "e"}},
        }
        for key in keys
    ]
    return json.dumps({"Records": records}).encode()
