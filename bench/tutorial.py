"""A function for S3 as the tutorials write it: download, open, halve, save, upload.

Run as ``python -m bench.tutorial EVENT [WIDTH]``, with the bucket of the results beside that of the
event; with a width in px, pictures are made as wide instead of halved.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import boto3
from PIL import Image

s3 = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"])
width = int(sys.argv[2]) if len(sys.argv) > 2 else None


def handler(event: Any, _context: object) -> None:
    """Make each object that the event tells of smaller."""
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = record["s3"]["object"]["key"]
        original = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with Image.open(io.BytesIO(original)) as image:
            across = width or image.width // 2
            small = image.resize((across, image.height * across // image.width))
            buffer = io.BytesIO()
            small.save(buffer, image.format)
        s3.put_object(Bucket=f"{bucket}-resized", Key=key, Body=buffer.getvalue())


if __name__ == "__main__":
    handler(json.loads(Path(sys.argv[1]).read_text("utf-8")), None)
