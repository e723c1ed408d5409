"""Pipelines out of settings: what is refused at the start, and why."""

from pathlib import Path
from typing import Any

import pytest

from safelight import config
from safelight.errors import SettingError
from safelight.pipelines import Pipelines
from safelight.workers.inprocess import InProcess

START = """
presets.thumb = "w=300,h=300,fit=inside,format=jpeg"
presets.open = "w=300,format=auto"
sources.archive = "file:./archive"
"""


def wired(
    text: str, folder: Path, environment: dict[str, str] | None = None, start: str = START
) -> Pipelines:
    file = folder / "safelight.toml"
    file.write_text(start + text, encoding="utf-8")
    settings = config.load(file, environment=environment or {})
    pipelines = config.pipelines(
        settings, base=folder, renderer=InProcess(settings.limits, threads=1)
    )
    assert pipelines is not None
    return pipelines


def pipeline(**settings: Any) -> str:
    lines = {"on": '"uploads/"', "write": '[{ preset = "thumb", to = "thumbs/{stem}.jpg" }]'}
    given = {name: value for name, value in (lines | settings).items() if value is not None}
    return "\n".join(["[[pipelines]]", *(f"{name} = {value}" for name, value in given.items())])


def test_there_are_none_unless_they_are_set(tmp_path: Path) -> None:
    file = tmp_path / "safelight.toml"
    file.write_text(START, encoding="utf-8")
    assert config.pipelines(config.load(file, environment={})) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pipelines = 3", "pipelines: write one table for each"),
        ("pipelines = [3]", r"pipelines\[1\]: write a table"),
        (pipeline(write="[]"), "write: nothing is written"),
        (pipeline(onn='"x"'), r"pipelines\[1\].onn is no setting: known are name, on"),
        (pipeline(write='[{ prest = "thumb" }]'), r"pipelines\[1\].write.prest is no setting"),
        (pipeline(metadata='{ too = "{name}.json" }'), r"pipelines\[1\].metadata.too is no"),
        (pipeline(write='[{ preset = 3 }]'), r"pipelines\[1\].write\[1\].preset: expected `str`"),
        (pipeline(removed='"perhaps"'), r"pipelines\[1\].removed: invalid enum value"),
        (pipeline(include='["exif", "names"]'), r"pipelines\[1\].include\[2\]: invalid enum"),
        (pipeline(min_bytes="-1"), r"pipelines\[1\].min_bytes: expected `int` >= 0"),
        (pipeline(name='"Uploads!"'), "'Uploads!' has more than a-z"),
        (pipeline(name='"a"') + "\n" + pipeline(name='"a"'), "two are called a"),
        (pipeline() + "\n" + pipeline(write='[{ preset = "open" }]'), "only one of them may"),
        (pipeline(write='[{ preset = "tumb" }]'), "no preset 'tumb': known are thumb, open"),
        (pipeline(write='[{ to = "x/{name}" }]'), "write 1: name a preset or a transform"),
        (pipeline(write='[{ transform = "w=9999999", to = "x/{name}" }]'),
         "write 1: w='9999999' is not valid"),
        (pipeline(write='[{ transform = "w=60000", to = "x/{name}" }]'), "60000 px is asked for"),
        (pipeline(write='[{ preset = "thumb", store = "file:./x" }]'), "a store needs a key"),
        (pipeline(write='[{ preset = "thumb", to = "x/{nmae}" }]'), "{nmae} is no field"),
        (pipeline(write='[{ preset = "thumb", to = "x/{name}", store = "ftp://x" }]'),
         "write 1: 'ftp://x' names no store"),
        (pipeline(write='[{ preset = "thumb", to = "x/{stem}.webp" }]'),
         "format=jpeg does not fit a key that ends with .webp"),
        (pipeline(types='["jpg"]'), "'jpg' is no format: known are jpeg"),
        (pipeline(on='"/uploads"'), "keys do not begin so"),
        ('events.token = "word\\n"\n' + pipeline(), "events.token: it has a space"),
        ('events.token = "two\\twords"\n' + pipeline(), "events.token: it has a space"),
        ('events.token = " word"\n' + pipeline(), "events.token: it has a space"),
        (pipeline(on='"../uploads"'), "keys do not begin so"),
        (pipeline(on='"uploads/.hidden/"'), "keys do not begin so"),
        (pipeline(suffix='["*.jpg"]'), "suffix: '[*].jpg' is none [(]example: suffix ="),
        (pipeline(suffix='["tar.gz"]'), "suffix: 'tar.gz' is none"),
        (pipeline(suffix='".jpg"'), "suffix: expected `array`, got `str` [(]example: suffix ="),
        (pipeline(write='"thumb"'), "write: expected `array`, got `str` [(]example: write ="),
        (pipeline(facts='"all-with-gps"'), "facts: none are wanted"),
        (pipeline(facts='"every"'), "invalid enum value 'every' [(]example: facts = "),
        (pipeline(max_bytes='"lots"'), "got `str` [(]example: max_bytes = "),
        (pipeline(hooks='[{ on = "never", url = "https://a.b/" }]'), "[(]example: on = "),
        (pipeline(write='[{ transform = "w=9", to = "x/{stem}.heic" }]'), "heic cannot be written"),
        (pipeline(min_bytes="9", max_bytes="3"), "max_bytes: it is less than min_bytes"),
        (pipeline(include='["exif"]'), "include: this is for the metadata"),
        (pipeline(metadata='"metadata/{stem}.{ext}"'), "{ext} is for pictures"),
        (pipeline(failed='"failed/{hash}-{name}.json"'), "{hash} is not known of what"),
        (pipeline(hooks='[{ on = "both" }]'), "hooks: expected either a url or a command"),
        (pipeline(write='[' + ",".join(f'{{ transform = "w={n}", to = "{n}/{{name}}" }}'
                                       for n in range(1, 99)) + ']'), "can be made"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_name(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=said.replace("{", r"\{").replace("}", r"\}")):
        wired(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        # Outputs that are sources, of their own or another pipeline.
        pipeline(write='[{ preset = "thumb", to = "{key}" }]'),
        pipeline(on='""'),
        pipeline(write='[{ preset = "thumb", to = "uploads/small/{name}" }]'),
        pipeline(write='[{ preset = "thumb", to = "{name}" }]'),
        pipeline(write='[{ preset = "thumb", to = "{stem}-small.jpg" }]'),
        pipeline(name='"a"') + "\n"
        + pipeline(on='"thumbs/"', write='[{ transform = "w=9", to = "x/{name}" }]'),
        pipeline(store='"file:./photos/uploads"'),
        pipeline(name='"a"',
                 write='[{ preset = "thumb", to = "x/{name}", store = "file:./archive" }]')
        + "\n" + pipeline(on='"archive/"', write='[{ transform = "w=9", to = "y/{name}" }]'),
        pipeline(metadata='"uploads/{stem}.jpg"'),
        pipeline(failed='"uploads/failed/{name}"'),
        # The same key twice.
        pipeline(metadata='"thumbs/{stem}.jpg"'),
        pipeline(metadata='"thumbs/{dir}/{base}.jpg"'),
        pipeline(write='[{ preset = "thumb", to = "t/{stem}.jpg" }, '
                 '{ transform = "w=9", to = "t/{name}" }]'),
        pipeline(write='[{ transform = "w=9,format=webp", to = "t/{stem}.webp" }, '
                 '{ transform = "w=8,format=webp", to = "t/{stem}.{ext}" }]'),
        pipeline(name='"a"') + "\n" + pipeline(name='"b"', on='"uploads/b/"'),
    ],
)  # fmt: skip
def test_circles_and_shared_keys_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"is a source of|is written twice|would be one"):
        wired(text, tmp_path)


WHOLE = pipeline(on='""', store='"file:./x"')


@pytest.mark.parametrize(
    "text",
    [
        'variants.url = "file:./photos/v"\n' + WHOLE,
        'variants.url = "file:./photos"\n' + WHOLE,
        'variants.url = "file:./photos"\n' + pipeline(),
        'variants.url = "file:./photos/uploads/v"\n' + pipeline(),
        'variants.url = "file:./archive/v"\n' + pipeline(on='"archive/"', store='"file:./x"'),
    ],
)
def test_variants_among_the_sources_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(
        SettingError, match=r"variants.url is among the sources of pipeline-1 \(on = .*\)"
    ):
        wired(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        'variants.url = "file:./photos/v"\n' + pipeline(),
        'variants.url = "file:./photos/.v"\n' + WHOLE,
        'variants.url = "file:./photos-v"\n' + WHOLE,
        'variants.url = "file:./photos/v"\n'
        + pipeline(on='""', store='"file:./x"', suffix='[".jpg"]'),
    ],
)
def test_variants_beside_the_sources_are_taken(text: str, tmp_path: Path) -> None:
    assert wired(text, tmp_path).pipelines


@pytest.mark.parametrize(
    "text",
    [
        'events.state = "file:./photos"\n' + WHOLE,
        'events.state = "file:./photos/state"\n' + WHOLE,
        'events.state = "file:./photos/uploads/state"\n' + pipeline(),
    ],
)
def test_a_memory_among_the_sources_would_hear_of_itself(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"events.state is among the sources of pipeline-1"):
        wired(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        'events.state = "file:./photos"\n' + pipeline(),
        'events.state = "file:./photos/.state"\n' + WHOLE,
        'events.state = "file:./photos"\n'
        + pipeline(on='""', store='"file:./x"', suffix='[".jpg"]'),
    ],
)
def test_a_memory_beside_the_sources_is_taken(text: str, tmp_path: Path) -> None:
    assert wired(text, tmp_path).pipelines


def test_variants_by_their_paths_have_suffixes(tmp_path: Path) -> None:
    start = 'presets.thumb = "w=9,format=jpeg"\n'
    start += 'variants = { url = "file:./photos", layout = "path" }\n'
    assert wired(pipeline(), tmp_path, start=start).pipelines
    with pytest.raises(SettingError, match=r"variants.url is among the sources"):
        wired(pipeline(on='""', store='"file:./x"', suffix='[".jpg"]'), tmp_path, start=start)


@pytest.mark.parametrize(
    "text",
    [
        pipeline(),
        # What no pipeline takes does no harm where sources are.
        pipeline(on='""', suffix='[".PNG"]', write='[{ preset = "thumb", to = "{stem}.jpg" }]'),
        pipeline(on='""', write='[{ preset = "thumb", to = "{name}", store = "file:./x" }]',
                 metadata='"metadata/{name}.json"'),
        pipeline(name='"a"') + "\n" + pipeline(name='"b"', on='"other/"'),
        # One key, but for other sources than its own.
        pipeline(suffix='[".png"]', write='[{ preset = "thumb", to = "t/{stem}.jpg" }, '
                 '{ transform = "w=9", to = "t/{name}" }]'),
        pipeline(write='[{ preset = "thumb", to = "t/{stem}.jpg" }, '
                 '{ transform = "w=9", to = "t/{name}", store = "file:./x" }]'),
        pipeline(name='"a"') + "\n" + pipeline(write='[{ preset = "open" }]'),
        'events.hops = 2\n' + pipeline(name='"a"') + "\n"
        + pipeline(on='"thumbs/"', write='[{ transform = "w=9", to = "x/{name}" }]'),
    ],
)  # fmt: skip
def test_what_does_no_harm_is_taken(text: str, tmp_path: Path) -> None:
    assert wired(text, tmp_path).pipelines


def test_a_circle_is_refused_however_many_may_follow_one_another(tmp_path: Path) -> None:
    circle = pipeline(name='"one"', write='[{ preset = "thumb", to = "a/{name}" }]') + "\n"
    circle += pipeline(
        name='"two"', on='"a/"', write='[{ transform = "w=9", to = "uploads/{name}" }]'
    )
    with pytest.raises(SettingError, match="which is a source of"):
        wired("events.hops = 16\n" + circle, tmp_path)


def test_the_format_is_that_of_the_key_where_nothing_else_says_it(tmp_path: Path) -> None:
    write = '[{ transform = "w=9", to = "x/{stem}.webp" }, { transform = "w=9", to = "y/{name}" }]'
    (built,) = wired(pipeline(write=write), tmp_path).pipelines
    assert [step.transform["format"] for step in built.steps] == ["webp", None]
    assert {step.wish.profile for step in built.steps} == {"upload"}


def test_what_a_request_would_make_is_made_for_each_class_of_viewers(tmp_path: Path) -> None:
    (built,) = wired(pipeline(write='[{ preset = "open" }]'), tmp_path).pipelines
    formats = [step.transform["format"] for step in built.steps]
    assert formats == ["auto-avif", "auto-webp", "auto"]
    assert {step.wish.profile for step in built.steps} == {"request"}
    assert {step.preset for step in built.steps} == {"open"}


def test_each_of_several_pipelines_has_its_dead_letters(tmp_path: Path) -> None:
    text = pipeline(name='"a"') + "\n" + pipeline(name='"b"', write='[{ preset = "open" }]')
    built = wired(text, tmp_path).pipelines
    assert [each.letters.template.text for each in built] == [
        "failed/a/{key}.json",
        "failed/b/{key}.json",
    ]
    (alone,) = wired(pipeline(), tmp_path).pipelines
    assert alone.letters.template.text == "failed/{key}.json"
    assert alone.name == "pipeline-1"


def test_pipelines_may_come_from_the_environment(tmp_path: Path) -> None:
    text = '[{"on": "uploads/", "write": [{"preset": "thumb"}], "max_bytes": "3MB"}]'
    (built,) = wired("", tmp_path, {"SAFELIGHT_PIPELINES": text}).pipelines
    assert (built.on, built.max_bytes) == ("uploads/", 3_000_000)
    with pytest.raises(SettingError, match="SAFELIGHT_PIPELINES is not valid JSON"):
        wired("", tmp_path, {"SAFELIGHT_PIPELINES": "on = 1"})
    with pytest.raises(SettingError, match="SAFELIGHT_PIPELINES_ON is no setting"):
        wired("", tmp_path, {"SAFELIGHT_PIPELINES_ON": "x"})


def test_sources_on_another_server_have_no_pipeline(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="on another server, which tells nobody of uploads"):
        wired('source.url = "https://example.com/"\n' + pipeline(), tmp_path)


@pytest.mark.parametrize(
    ("store", "guarded"),
    [
        ("s3://photos?endpoint=http://localhost:9&region=eu-west-1", True),
        ("s3://photos/elsewhere?region=eu-west-1", True),
        ("s3://thumbs?endpoint=http://127.0.0.1:9&region=eu-west-1", False),
    ],
)
def test_outputs_are_known_however_their_bucket_is_reached(
    store: str, guarded: bool, tmp_path: Path
) -> None:
    source = 'source.url = "s3://photos?endpoint=http://127.0.0.1:9&region=eu-west-1"\n'
    start = 'presets.thumb = "w=300"\n' + source
    assert wired(pipeline(store=f'"{store}"'), tmp_path, start=start).parts.guarded is guarded


def test_secrets_of_events_and_hooks_are_not_shown(tmp_path: Path) -> None:
    text = 'events.token = "tellnobody"\nevents.secret = "tellnobody"\n' + pipeline(
        hooks='[{ url = "http://127.0.0.1:9/x", secret = "tellnobody" }]'
    )
    file = tmp_path / "safelight.toml"
    file.write_text(START + text, encoding="utf-8")
    assert "tellnobody" not in repr(config.load(file, environment={}))


def test_a_name_that_is_too_long_for_a_folder_is_a_dead_letter(tmp_path: Path) -> None:
    pipelines = wired(pipeline(metadata='"metadata/{name}.json"'), tmp_path)
    name = "n" * 246 + ".jpg"
    (tmp_path / "photos" / "uploads").mkdir(parents=True)
    (tmp_path / "photos" / "uploads" / name).write_bytes(b"one")
    (outcome,) = pipelines.bring_up(f"uploads/{name}")
    assert (outcome.status, "at most 244 bytes" in outcome.reason) == ("failed", True)
    assert len(list((tmp_path / "photos" / "failed").glob("*.json"))) == 1
