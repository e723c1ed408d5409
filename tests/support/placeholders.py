"""What BlurHash and ThumbHash show: decoders that owe nothing to the encoders under test."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float64]
Pixels: TypeAlias = NDArray[np.uint8]

_BASE83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"


def blurhash_shown(text: str, width: int, height: int) -> Pixels:
    """Draw a BlurHash, rows first, RGB. Format: Algorithm.md of woltapp/blurhash."""
    down, across = (part + 1 for part in divmod(_number(text[0]), 9))
    assert len(text) == 4 + 2 * across * down
    crest = (_number(text[1]) + 1) / 166
    waves = np.zeros((down * across, 3))
    waves[0] = light_of(np.frombuffer(_number(text[2:6]).to_bytes(3, "big"), dtype=np.uint8))
    for index in range(1, down * across):
        number = _number(text[4 + 2 * index : 6 + 2 * index])
        parts = np.array([number // 361, number // 19 % 19, number % 19]) - 9.0
        waves[index] = np.copysign((parts / 9) ** 2, parts) * crest
    columns = np.cos(np.pi * np.outer(np.arange(across), np.arange(width)) / width)
    rows = np.cos(np.pi * np.outer(np.arange(down), np.arange(height)) / height)
    return srgb_of(np.einsum("jic,jy,ix->yxc", waves.reshape(down, across, 3), rows, columns))


def _number(text: str) -> int:
    number = 0
    for letter in text:
        number = 83 * number + _BASE83.index(letter)
    return number


def light_of(values: NDArray[Any]) -> Plane:
    """Tell how much light, 0 to 1, values of sRGB from 0 to 255 stand for (IEC 61966-2-1)."""
    scaled = np.asarray(values, dtype=np.float64) / 255
    return np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)


def srgb_of(light: Plane) -> Pixels:
    """Write light as values of sRGB."""
    light = light.clip(0, 1)
    scaled = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.floor(scaled * 255 + 0.5).astype(np.uint8)


def thumbhash_shown(data: bytes, width: int, height: int) -> Pixels:
    """Draw a ThumbHash, rows first, RGBA. Format: ``thumbHashToRGBA`` of evanw/thumbhash."""
    head = int.from_bytes(data[:5], "little")
    light, yellow, reddish = head & 63, head >> 6 & 63, head >> 12 & 63
    transparent, landscape = head >> 23 & 1, head >> 39 & 1
    longer, shorter = 5 if transparent else 7, head >> 24 & 7
    sides = (longer, shorter) if landscape else (shorter, longer)
    start = 6 if transparent else 5
    halves = [half for byte in data[start:] for half in (byte & 15, byte >> 4)]

    def channel(mean: float, crest: float, across: int, down: int) -> Plane:
        shown = np.full((height, width), mean)
        for y in range(down):
            for x in range(across):
                if (x or y) and x * down < across * (down - y):
                    column = np.cos(np.pi / width * (np.arange(width) + 0.5) * x)
                    row = np.cos(np.pi / height * (np.arange(height) + 0.5) * y)
                    shown += 2 * crest * (halves.pop(0) / 7.5 - 1) * np.outer(row, column)
        return shown

    lightness = channel(light / 63, (head >> 18 & 31) / 31, *(max(3, side) for side in sides))
    # The format makes colours a quarter stronger, for what their coarse steps take away.
    p = channel(yellow / 31.5 - 1, 1.25 * (head >> 27 & 63) / 63, 3, 3)
    q = channel(reddish / 31.5 - 1, 1.25 * (head >> 33 & 63) / 63, 3, 3)
    alpha = (
        channel((data[5] & 15) / 15, (data[5] >> 4) / 15, 5, 5) if transparent else np.ones_like(p)
    )
    assert halves in ([], [0])
    blue = lightness - 2 / 3 * p
    red = (3 * lightness - blue + q) / 2
    shown = np.stack([red, red - q, blue, alpha], axis=-1)
    return (255 * shown.clip(0, 1)).astype(np.uint8)
