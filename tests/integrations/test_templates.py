"""Tags and filters in templates: what safelight.urls writes, in a page that escapes the rest."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from safelight.signing import Signer
from safelight.urls import WIDTHS, picture, srcset, url

if TYPE_CHECKING:  # `make test` collects this folder too, and has neither
    import jinja2

pytestmark = pytest.mark.full

KEY = "correct horse battery staple"
ODD = {"key": "a cat/<b>&'\".jpg", "alt": "<script>\"'&"}


@pytest.fixture
def environment() -> "jinja2.Environment":
    import jinja2

    from safelight.integrations.jinja import install

    environment = jinja2.Environment(autoescape=True)
    install(environment, base="/images")
    return environment


def test_jinja_writes_addresses(environment: "jinja2.Environment") -> None:
    page = environment.from_string(
        "{{ key | image_url('800x600') }} {{ image_url(key) }} {{ key | srcset('q=5', width=400) }}"
    )
    assert page.render(key="a b.jpg") == (
        "/images/800x600/a%20b.jpg /images/original/a%20b.jpg "
        + srcset("a b.jpg", "q=5", width=400, base="/images")
    )


def test_jinja_writes_pictures_and_escapes_once(environment: "jinja2.Environment") -> None:
    expected = picture(ODD["key"], "thumb", alt=ODD["alt"], base="/images", class_="wide")
    for text in (
        "{{ picture(key, 'thumb', alt=alt, class='wide') }}",
        "{{ key | picture('thumb', alt=alt, class='wide') }}",
    ):
        assert environment.from_string(text).render(ODD) == expected


def test_jinja_signs_and_has_its_own_widths() -> None:
    import jinja2

    from safelight.integrations.jinja import install

    environment, signer = jinja2.Environment(autoescape=True), Signer(KEY)
    install(environment, signer=signer, widths=(100, 200))
    page = environment.from_string("{{ 'a.jpg' | srcset(expires=1900000000) }}")
    assert page.render() == srcset("a.jpg", widths=(100, 200), signer=signer, expires=1_900_000_000)
    other = environment.from_string("{{ picture('a.jpg', widths=(5,), formats=()) }}")
    assert other.render() == picture("a.jpg", widths=(5,), formats=(), signer=signer)


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Render a template of Django with settings of its own."""
    import django
    from django.conf import settings
    from django.template import Context, Engine

    if not settings.configured:
        settings.configure()
        django.setup()
    engine = Engine(libraries={"safelight": "safelight.integrations.django"})

    def rendered(text: str, safelight: dict[str, Any] | None = None, **context: Any) -> str:
        if safelight is not None:
            monkeypatch.setattr(settings, "SAFELIGHT", safelight, raising=False)
        return str(engine.from_string("{% load safelight %}" + text).render(Context(context)))

    return rendered


def test_django_writes_addresses(rendered: Callable[..., str]) -> None:
    text = '{% image_url key "800x600" %} {% image_url key %}'
    assert rendered(text, key="a b.jpg") == "/800x600/a%20b.jpg /original/a%20b.jpg"
    assert rendered("{% srcset key %}", key="a b.jpg") == srcset("a b.jpg")


def test_django_writes_pictures_and_escapes_once(rendered: Callable[..., str]) -> None:
    text = '{% picture key "thumb" alt=alt class="wide" %}'
    expected = picture(ODD["key"], "thumb", alt=ODD["alt"], base="/images", class_="wide")
    assert rendered(text, {"base": "/images"}, **ODD) == expected


def test_django_signs_and_has_its_own_widths(rendered: Callable[..., str]) -> None:
    settings = {"key": KEY, "widths": (100, 200)}
    signer = Signer(KEY)
    text = "{% srcset 'a.jpg' expires=1900000000 %}"
    expected = srcset("a.jpg", widths=(100, 200), signer=signer, expires=1_900_000_000)
    assert rendered(text, settings) == expected
    assert rendered("{% image_url 'a.jpg' %}", settings) == url("a.jpg", signer=signer)
    assert rendered("{% srcset 'a.jpg' widths=steps %}", settings, steps=WIDTHS) == srcset(
        "a.jpg", widths=WIDTHS, signer=signer
    )
