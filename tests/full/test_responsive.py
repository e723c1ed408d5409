"""What `safelight.js` asks for, and what the page at `/` shows, in a real browser."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import pytest

from tests.full.conftest import ODD_KEYS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request, Route

    from tests.full.conftest import Site

pytestmark = pytest.mark.full

WEB = Path(__file__).parents[2] / "src" / "safelight" / "web" / "browser"

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}, "device_scale_factor": 1}

# One grey pixel, as a stand-in until the photograph is there.
DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAMLCwgAAACwAAAAAAQABAAACAkQBADs="


@dataclass
class Tab:
    """One page in the browser, the pictures it asked for, and what the browser complained of."""

    page: "Page"
    server: str
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", self.note)
        self.page.on("console", lambda said: self.faults.append(said.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("requestfailed", lambda lost: self.faults.append(f"{lost.url} {lost.failure}"))

    def note(self, request: "Request") -> None:
        if request.resource_type == "image" and not request.url.startswith("data:"):
            self.asked.append(request.url.removeprefix(self.server))

    def widths(self, key: str) -> list[int]:
        """Give the widths in which that photograph was asked for, in their order."""
        paths = [re.fullmatch(r"/w=(\d+),[^/]*/(.+)", path) for path in self.asked]
        return [int(path[1]) for path in paths if path and unquote(path[2]) == key]

    def until(self, true: Callable[[], object]) -> None:
        for _ in range(300):
            if true():
                return
            self.page.wait_for_timeout(50)
        pytest.fail(f"waited in vain; asked for {self.asked}")

    def loaded(self, selector: str = "img") -> int:
        """Wait until that picture of ours is there, and give its own width in pixels."""
        shown = "i => i.currentSrc.startsWith('http') && i.complete ? i.naturalWidth : 0"
        picture = self.page.locator(selector)
        self.until(lambda: picture.evaluate(shown))
        return int(picture.evaluate("i => i.naturalWidth"))

    def settle(self) -> None:
        """Wait until whatever would be asked for has been asked for."""
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(400)

    def style(self, selector: str, css: str) -> None:
        self.page.locator(selector).evaluate("(e, css) => { e.style.cssText += css }", css)
        self.settle()


Open = Callable[..., AbstractContextManager[Tab]]


@pytest.fixture
def visit(browser: "Browser", server: str) -> Open:
    """Give a function that opens an address in a window of the wanted kind."""

    @contextmanager
    def visit(url: str, before: str = "", **window: Any) -> Iterator[Tab]:
        with browser.new_context(**(window or DESKTOP)) as context:
            tab = Tab(context.new_page(), server)
            if before:
                tab.page.add_init_script(before)
            tab.page.goto(url)
            yield tab

    return visit


@pytest.fixture
def show(visit: Open, site: "Site", server: str) -> Open:
    """Give a function that opens somebody's page with that body."""

    def show(
        body: str, attributes: str = "", before: str = "", **window: Any
    ) -> AbstractContextManager[Tab]:
        script = f'<script src="{server}/static/safelight.js" defer {attributes}></script>'
        return visit(site.page(body, script), before, **window)

    return show


def test_the_script_is_small(server: str, visit: Open) -> None:
    assert (WEB / "safelight.js").stat().st_size < 2048
    with visit(f"{server}/static/safelight.js") as tab:
        answer = tab.page.request.get(f"{server}/static/safelight.js")
        assert answer.body() == (WEB / "safelight.js").read_bytes()


def test_the_script_leaves_no_globals(show: Open, site: "Site", visit: Open) -> None:
    names = "Object.getOwnPropertyNames(window).sort()"
    with show("") as tab, visit(site.page("", "")) as plain:
        assert tab.page.evaluate(names) == plain.page.evaluate(names)


@pytest.mark.parametrize(("window", "width"), [(PHONE, 640), (DESKTOP, 800)])
def test_a_phone_and_a_desktop_ask_for_different_widths(
    show: Open, window: dict[str, Any], width: int
) -> None:
    body = '<img data-safelight="sunset.jpg" alt="Sunset" style="width: 50vw">'
    with show(body, **window) as tab:
        pixels = tab.loaded()
        box = tab.page.locator("img").evaluate("i => i.clientWidth * devicePixelRatio")
        assert pixels >= box
        tab.settle()
        assert tab.widths("sunset.jpg") == [width]


def test_a_source_smaller_than_its_box_comes_as_it_is(show: Open) -> None:
    with show('<img data-safelight="web/forest.webp" style="width: 100%">', **PHONE) as tab:
        tab.loaded()
    window = {"viewport": {"width": 1200, "height": 800}, "device_scale_factor": 3}
    with show('<img data-safelight="web/forest.webp" style="width: 100%">', **window) as tab:
        assert tab.loaded() == 2048
        assert tab.widths("web/forest.webp") == [3840]


def test_ratios_above_three_count_as_three(show: Open) -> None:
    window = {"viewport": {"width": 300, "height": 600}, "device_scale_factor": 5}
    with show('<img data-safelight="sunset.jpg" style="width: 200px">', **window) as tab:
        tab.loaded()
        assert tab.widths("sunset.jpg") == [640]


def test_saving_data_counts_as_a_ratio_of_one(show: Open) -> None:
    saving = "Object.defineProperty(navigator, 'connection', { value: { saveData: true } })"
    body = '<img data-safelight="sunset.jpg" style="width: 200px">'
    with show(body, before=saving, **PHONE) as tab:
        tab.loaded()
        assert tab.widths("sunset.jpg") == [240]


@pytest.mark.parametrize("window", [PHONE, DESKTOP])
def test_nothing_below_the_fold_is_fetched_before_scrolling(
    show: Open, window: dict[str, Any]
) -> None:
    keys = ("sunset.jpg", "forest.jpg", "friends.jpg", "dragonfly.jpg")
    body = "".join(
        f'<div style="height: 200vh"><img data-safelight="{key}" style="width: 100px"></div>'
        for key in keys
    )
    with show(body, **window) as tab:
        tab.loaded("img >> nth=0")
        tab.settle()
        assert [unquote(path).rpartition("/")[2] for path in tab.asked] == ["sunset.jpg"]

        tab.page.evaluate("scrollTo(0, 0.8 * innerHeight)")  # within half a viewport of the second
        tab.loaded("img >> nth=1")
        tab.settle()
        assert [unquote(path).rpartition("/")[2] for path in tab.asked] == list(keys[:2])

        tab.page.evaluate("document.images[3].scrollIntoView()")
        tab.loaded("img >> nth=3")


def test_a_box_that_grows_asks_again_and_one_that_shrinks_does_not(show: Open) -> None:
    body = '<div style="width: 300px"><img data-safelight="sunset.jpg" style="width: 100%"></div>'
    with show(body) as tab:
        assert tab.loaded() == 320
        for width, asked in (
            (500, [320, 640]),
            (200, [320, 640]),
            (630, [320, 640]),
            (700, [320, 640, 800]),
        ):
            tab.style("div", f"; width: {width}px")
            assert tab.widths("sunset.jpg") == asked
        assert tab.loaded() == 800


def test_a_box_beyond_the_last_step_asks_for_the_last_step(show: Open) -> None:
    body = '<img data-safelight="sunset.jpg" style="width: 100%">'
    with show(body, attributes='data-steps="100, 200, 400"') as tab:
        tab.loaded()
        assert tab.widths("sunset.jpg") == [400]
        tab.style("img", "; width: 90%")
        tab.style("img", "; width: 100%")
        assert tab.widths("sunset.jpg") == [400]


def test_pictures_added_later_load(show: Open) -> None:
    with show("<main></main>") as tab:
        tab.settle()
        assert tab.asked == []
        tab.page.evaluate(
            """() => document.querySelector("main").innerHTML =
                '<p><img data-safelight="forest.jpg" style="width: 200px"></p>'"""
        )
        assert tab.loaded() == 240
        assert tab.widths("forest.jpg") == [240]


def test_a_picture_that_gets_another_key_loads_it(show: Open) -> None:
    with show('<img data-safelight="forest.jpg" style="width: 200px">') as tab:
        tab.loaded()
        tab.page.evaluate("document.images[0].dataset.safelight = 'sunset.jpg'")
        tab.until(lambda: tab.widths("sunset.jpg") == [240])
        tab.page.evaluate("document.images[0].dataset.safelight = ''")
        tab.settle()
        assert len(tab.asked) == 2


def test_a_hidden_picture_loads_once_it_is_shown(show: Open) -> None:
    body = '<div style="display: none"><img data-safelight="forest.jpg" style="width: 200px"></div>'
    with show(body) as tab:
        tab.settle()
        assert tab.asked == []
        tab.style("div", "; display: block")
        assert tab.loaded() == 240


def test_a_picture_without_width_waits_for_one(show: Open) -> None:
    with show('<img data-safelight="forest.jpg" style="width: 0; height: 50px">') as tab:
        tab.settle()
        assert tab.asked == []
        tab.style("img", "; width: 200px")
        assert tab.loaded() == 240


@pytest.mark.parametrize("src", ["", f'src="{DOT}"'])
@pytest.mark.parametrize("parent", ["a", "p"])
def test_without_a_width_in_css_the_parent_decides(show: Open, src: str, parent: str) -> None:
    body = f"""<style>img {{ max-width: 100%; height: auto }}</style>
        <div style="width: 500px; padding: 50px; box-sizing: border-box"><{parent}>
        <img {src} data-safelight="sunset.jpg" alt="The sun sets"></{parent}></div>"""
    with show(body) as tab:
        assert tab.loaded() == 480
        tab.settle()
        assert tab.widths("sunset.jpg") == [480]
        tab.style("div", "; width: 800px")
        assert tab.widths("sunset.jpg") == [480, 800]


def test_a_parent_as_wide_as_its_picture_does_not_grow_with_it(show: Open) -> None:
    window = {"viewport": {"width": 1440, "height": 900}, "device_scale_factor": 2}
    body = '<div style="float: left"><img data-safelight="sunset.jpg" alt="The sun sets"></div>'
    with show(body, **window) as tab:
        tab.loaded()
        tab.settle()
        assert len(tab.asked) == 1


def test_width_and_height_reserve_the_room(show: Open) -> None:
    body = """<style>img { display: block; max-width: 100%; height: auto }</style>
        <img data-safelight="sunset.jpg" alt="Sunset" width="1500" height="1000"><p>After</p>"""
    shifts = """window.shifts = [];
        new PerformanceObserver(list => window.shifts.push(...list.getEntries()))
            .observe({ type: "layout-shift", buffered: true })"""
    with show(body, before=shifts, **PHONE) as tab:
        tab.loaded()
        tab.settle()
        assert tab.page.locator("img").evaluate("i => i.offsetHeight") == 260
        assert tab.page.evaluate("window.shifts.length") == 0


def test_styles_and_attributes_stay_as_they_were(show: Open) -> None:
    body = """<img data-safelight="sunset.jpg" alt="Sunset" class="a"
        style="display: block; opacity: 0.5">"""
    with show(body) as tab:
        tab.loaded()
        picture = tab.page.locator("img")
        assert picture.get_attribute("style") == "display: block; opacity: 0.5;"
        assert picture.get_attribute("alt") == "Sunset"
        assert picture.get_attribute("data-safelight") == "sunset.jpg"


def test_a_picture_that_fails_keeps_what_it_showed(show: Open) -> None:
    body = f'<img src="{DOT}" data-safelight="missing.jpg" style="width: 200px">'
    with show(body) as tab:
        tab.until(lambda: tab.asked)
        tab.until(lambda: tab.page.locator("img").get_attribute("src") == DOT)
        tab.settle()
        assert tab.widths("missing.jpg") == [240]


def test_a_larger_one_that_fails_leaves_the_smaller_one(show: Open, server: str) -> None:
    body = f'<img src="{DOT}" data-safelight="sunset.jpg" style="width: 200px">'
    with show(body) as tab:
        assert tab.loaded() == 240
        tab.page.route("**/w=640,*/**", lambda route: route.abort())
        small = tab.page.locator("img").evaluate("i => i.src")
        tab.style("img", "; width: 600px")
        assert tab.widths("sunset.jpg")[:2] == [240, 640]
        assert tab.page.locator("img").evaluate("i => i.src") == small
        assert tab.loaded() == 240


@pytest.mark.parametrize(
    ("transform", "path", "kind"),
    [
        ("h=100,fit=cover", "/w=240,format=auto,h=100,fit=cover/forest.jpg", "image/avif"),
        ("format=jpeg", "/w=240,format=jpeg/forest.jpg", "image/jpeg"),
        ("h=100,f=png", "/w=240,h=100,f=png/forest.jpg", "image/png"),
    ],
)
def test_a_transform_of_ones_own(show: Open, transform: str, path: str, kind: str) -> None:
    body = f"""<img data-safelight="forest.jpg" data-transform="{transform}"
        style="width: 200px; height: 100px">"""
    with show(body) as tab:
        with tab.page.expect_response("**/forest.jpg") as answer:
            tab.loaded()
        assert tab.asked == [path]
        assert answer.value.headers["content-type"] == kind


def test_keys_with_odd_letters_load(show: Open, served: Path) -> None:
    for key in ODD_KEYS:
        assert (served / key).is_file()
        body = f'<img data-safelight="{key.replace("&", "&amp;")}" style="width: 200px">'
        with show(body) as tab:
            assert tab.loaded() == 240
            assert tab.widths(key) == [240]


def test_remote_keys_arrive_as_they_are(show: Open, server: str) -> None:
    body = '<img data-safelight="https://example.com/a b/ä%20.jpg?x=1#2">'
    pixel = bytes.fromhex("47494638396101000100000000002c00000000010001000002003b")

    def answer(route: "Route") -> None:
        route.fulfill(content_type="image/gif", body=pixel)

    with show("<main></main>") as tab:
        tab.page.route(f"{server}/w=*/**", answer)
        tab.page.locator("main").evaluate("(e, html) => e.innerHTML = html", body)
        tab.until(lambda: tab.asked)
        path = urlsplit(server + tab.asked[0]).path
        assert path.endswith("/https://example.com/a%20b/%C3%A4%2520.jpg%3Fx=1%232")


def test_a_service_below_a_prefix(visit: Open, site: "Site") -> None:
    site.pages["/some/where/static/safelight.js?v=1"] = (WEB / "safelight.js").read_text("utf-8")
    script = '<script src="/some/where/static/safelight.js?v=1"></script>'
    url = site.page('<img data-safelight="forest.jpg" style="width: 200px">', script)
    with visit(url) as tab:
        tab.until(lambda: tab.asked)
        assert tab.asked == [f"{site.url}/some/where/w=240,format=auto/forest.jpg"]


def test_without_scripts_the_noscript_picture_is_shown(show: Open, server: str) -> None:
    body = f"""<img data-safelight="forest.jpg" style="width: 200px">
        <noscript><img src="{server}/w=480,format=auto/forest.jpg"></noscript>"""
    with show(body, java_script_enabled=False) as tab:
        tab.settle()
        assert tab.asked == ["/w=480,format=auto/forest.jpg"]
        box = tab.page.locator("noscript img").bounding_box()
        assert box is not None
        assert box["width"] == 480


@pytest.mark.parametrize("window", [PHONE, DESKTOP])
def test_the_front_page_shows_every_photograph(
    visit: Open, server: str, served: Path, window: dict[str, Any]
) -> None:
    wanted = {
        path.relative_to(served).as_posix()
        for path in served.rglob("*")
        if path.suffix in {".jpg", ".png", ".webp", ".avif", ".gif", ".svg"}
    }
    with visit(server, **window) as tab:
        pictures = tab.page.locator("img[data-safelight]")
        assert {picture.get_attribute("data-safelight") for picture in pictures.all()} == wanted
        for picture in pictures.all():
            picture.scroll_into_view_if_needed()
            tab.until(partial(picture.evaluate, "i => i.complete && i.naturalWidth"))
            need = picture.evaluate("i => i.clientWidth * devicePixelRatio")
            key = quote(picture.get_attribute("data-safelight") or "")
            # Nothing is enlarged.
            own = tab.page.request.get(f"{server}/info/{key}").json()["width"]
            assert picture.evaluate("i => i.naturalWidth") >= min(need, own)
        assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.faults == []


def test_every_link_of_the_front_page_answers(visit: Open, server: str) -> None:
    with visit(server) as tab:
        links = tab.page.locator("a").evaluate_all("all => all.map(a => a.href)")
        assert len(links) > 10
        answers = {link: tab.page.request.get(link).status for link in links}
        assert {link: status for link, status in answers.items() if status != 200} == {}


def test_the_front_page_without_scripts(visit: Open, server: str) -> None:
    with visit(server, java_script_enabled=False) as tab:
        tab.settle()
        boxes = [picture.bounding_box() for picture in tab.page.locator("noscript img").all()]
        assert len(boxes) > 5
        assert all(box is not None and box["width"] > 200 for box in boxes)
        assert tab.page.locator("img[data-safelight]").first.is_hidden()
        assert tab.faults == []
