"""`/metrics`, read by the library that Prometheus's own people wrote for its format."""

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


def read(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Read an exposition; every sample is there once, below its family's name."""
    assert text.endswith("\n")
    samples = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]
    found = {key(sample): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def key(sample: Sample) -> tuple[str, frozenset[tuple[str, str]]]:
    return sample.name.removeprefix("safelight_"), frozenset(sample.labels.items())


def of(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())
