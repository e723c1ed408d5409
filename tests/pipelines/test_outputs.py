"""Whose an object is, where two pipelines would write the same key."""

from safelight.pipelines import Pipelines
from safelight.pipelines.settings import PipelineSettings, WriteSettings
from tests.support.uploads import World


def pipeline(name: str, to: str) -> PipelineSettings:
    write = (WriteSettings(transform=f"w=30,text={name}", to=to),)
    return PipelineSettings(name=name, on="in/", write=write, failed=f"failed/{name}/{{key}}.json")


def brought_up(process: Pipelines, key: str) -> dict[str, tuple[str, str]]:
    return {one.pipeline: (one.status, one.reason) for one in process.bring_up(key)}


def test_a_pipeline_does_not_write_over_the_output_of_another() -> None:
    # Only of some sources the keys are the same, so the settings cannot tell.
    world = World([pipeline("one", "out/{stem}.jpg"), pipeline("two", "out/{name}")])
    photos = world.shelf("s3://photos")
    photos.put("in/a.jpg", b"picture", {})
    found = brought_up(world.process(), "in/a.jpg")
    assert found["one"] == ("done", "")
    status, reason = found["two"]
    assert (status, reason) == (
        "failed",
        "out/a.jpg is not written: the pipeline one writes there, too",
    )
    assert photos.get("out/a.jpg").data.startswith(b"picture|")
    assert photos.attributes("out/a.jpg")["pipeline"] == "one"
    assert "failed/two/in/a.jpg.json" in photos.objects


def test_the_outputs_of_a_pipeline_that_has_another_name_now_are_taken_over() -> None:
    world = World([pipeline("before", "out/{name}")])
    photos = world.shelf("s3://photos")
    photos.put("in/a.jpg", b"picture", {})
    assert brought_up(world.process(), "in/a.jpg") == {"before": ("done", "")}
    world.settings = [pipeline("after", "out/{name}")]
    assert brought_up(world.process(), "in/a.jpg") == {"after": ("done", "")}
    assert photos.attributes("out/a.jpg")["pipeline"] == "after"
