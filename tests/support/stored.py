"""Variants without pictures: what they are made of does not matter to who keeps them."""

from safelight.storage import Store
from safelight.variants import VariantKey, Variants

PICTURE = bytes(range(256)) * 40


def publish(
    variants: Variants, source: str, canonical: str = "w=1", version: str = "v"
) -> VariantKey:
    key = variants.key(source, version, canonical)
    variants.publish(key, PICTURE, "image/jpeg", source=source, canonical=canonical)
    return key


def stored(store: Store) -> list[str]:
    return sorted(entry.key for entry in store.list())


def opened_again(variants: Variants) -> Variants:
    """Give the same store as a process sees it that has not verified anything yet."""
    return Variants(variants.store, max_bytes=10**9)
