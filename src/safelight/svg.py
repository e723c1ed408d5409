"""Make an untrusted SVG safe to hand to librsvg, and tell its size.

The drawing is parsed and written again: elements that librsvg does not draw are left out, nothing
refers outside of the file any more, and what would take unreasonably long to draw is refused.
"""

from __future__ import annotations

import binascii
import math
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

from safelight.errors import SourceDamaged, SourceTooLarge, UnsupportedFormat

_MAX_DEPTH = 256  # libxml2 refuses a deeper nesting: nothing that could be drawn is lost
_MAX_ELEMENTS = 100_000
_MAX_ATTRIBUTES = 1_000_000  # a DTD can give each element thousands of them without any entity
_MAX_SIDE = 1_000_000
_MAX_PERCENTS = 100_000  # of a data URL: undoing each takes 150 bytes of memory
# In plain elements drawn, 10 to 20 microseconds each; librsvg itself stops at 500,000, after 4 s.
_MAX_WORK = 200_000
# What takes longer, in plain elements, measured on one megapixel.
_FILTER_STEP, _MASK, _RULE_TRIED, _CHARACTERS_SQUARED = 200, 20, 1 / 128, 1 / 2_000
_SLOW = {"feConvolveMatrix": 5, "feDisplacementMap": 10, "feMorphology": 10, "feTurbulence": 5}

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_XML = "http://www.w3.org/XML/1998/namespace"
# Drawn where something refers to them, not where they stand.
_RESOURCE = re.compile("clipPath|defs|filter|(linear|radial)Gradient|marker|mask|pattern|symbol")
_TEXTUAL = re.compile("a|style|text|textPath|tref|tspan")
_DRAWN = re.compile(
    f"{_RESOURCE.pattern}|{_TEXTUAL.pattern}|fe[A-Za-z]+|g|image|stop|svg|switch|use"
    "|circle|ellipse|line|path|polygon|polyline|rect"
)
_CONDITION = re.compile("required(Extensions|Features)|systemLanguage")
# Inherited properties: each element below pays for what they refer to.
_PAINT = re.compile("fill|stroke|marker(-start|-mid|-end)?")

_PROLOGUE = re.compile(
    rb"(?s)(?:\s|<\?.*?\?>|<!--.*?-->)*+<(?:!DOCTYPE\s+)?(?:[\w.-]+:)?svg(?![\w.:-])"
)
_LENGTH = re.compile(r"(?ia)\s*([+-]?(?:\d+\.\d+|\d+|\.\d+)(?:e[+-]?\d+)?)([a-z]*)\s*")
_DATA_IMAGE = re.compile(r"(?i)data:image/(?:png|jpe?g|gif|webp)[^,]*;base64,")
_JPEG_FRAME = re.compile(rb"(?s)\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]\0[\x08-\x14].(....)")
# A name and where it is; where both sides are, little-endian, the second how many bits later.
_PACKED_SIZES = (
    (0, b"GIF8", 6, 16, 0xFFFF, 0),
    (12, b"VP8 ", 26, 16, 0x3FFF, 0),
    (12, b"VP8L", 21, 14, 0x3FFF, 1),
    (12, b"VP8X", 24, 24, 0xFFFFFF, 1),
)
_URL_ELSEWHERE = re.compile(r"(?i)url\((?!\s*+['\"]?\s*+#)[^)]*\)?")
_URL_HERE = re.compile(r"(?i)url\(\s*+['\"]?\s*+#([^)'\"]*)")
_LOADING = re.compile(r"(?i)url\(|@import")
_CSS_ESCAPE = re.compile(r"(?is)\\(?:([0-9a-f]{1,6})\s?|(.))")
_CSS_COMMENT = re.compile(r"(?s)/\*.*?(?:\*/|\Z)")
_CSS_DECLARATION = re.compile(
    r"(?i)(?<![\w-])([\w-]++)\s*+:((?:url\([^)]*\)?|\"[^\"]*\"|'[^']*'|[^;])*+)"
)
# What the last part of a selector asks for: a type, a class or an id.
_CSS_SUBJECT = re.compile(r"(?<![^\s>+~])([\w-]*)([.#][\w-]+)?(?:[.#][\w-]++)*+\Z")
_ESCAPES = {ord(c): f"&#{ord(c)};" for c in '&<"\t\n\r'}
_TEXT_ESCAPES = {ord(c): f"&#{ord(c)};" for c in "&<>\r"}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A safe drawing: UTF-8 SVG, and its size in px.

    ``sized`` is False when the size is a stand-in, because the file declares none, or does so in a
    style sheet: the decoder alone can tell then.
    """

    data: bytes
    width: float
    height: float
    sized: bool = True


def is_svg(data: bytes) -> bool:
    """Tell from the first 16 kB, inflated if need be, whether these bytes are an SVG drawing."""
    try:
        head = _inflate(data[:16_384], 16_384)
    except SourceDamaged:
        return False
    # Without byte order marks and zero bytes, UTF-16 reads like ASCII.
    return _PROLOGUE.match(head.lstrip(b"\xef\xbb\xbf\xff\xfe").replace(b"\0", b"")) is not None


def prepare(
    data: bytes, *, max_bytes: int = 10_000_000, max_image_pixels: int = 25_000_000, dpi: float = 96
) -> Drawing:
    """Rewrite an SVG or SVGZ without anything active, external or unreasonably expensive.

    ``max_bytes`` bounds the inflated text before and after, ``max_image_pixels`` the embedded
    images together. ``dpi`` is how many px an inch has: 96 in CSS, but 72 in libvips by default
    (``svgload_buffer(data, dpi=96, scale=0.75)`` draws each CSS px as one pixel).

    Raises SourceTooLarge for a bomb or a limit passed, SourceDamaged for malformed XML, a broken
    gzip stream or an empty size, UnsupportedFormat for external entities and for what is no SVG.
    """
    text = _inflate(data, max_bytes + 1)
    if len(text) > max_bytes:
        raise _too_large(f"has over {max_bytes:,} bytes")
    rewriter = _Rewriter(max_bytes, max_image_pixels)
    # A newline can be in a name only as a character reference in a namespace: expat refuses that.
    parser = expat.ParserCreate(namespace_separator="\n")
    parser.buffer_text = True
    parser.buffer_size = 65_536
    parser.EntityDeclHandler = _refuse_entity
    parser.StartElementHandler = rewriter.start
    parser.EndElementHandler = rewriter.end
    parser.CharacterDataHandler = rewriter.text
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise SourceDamaged(f"The SVG is not well-formed XML ({error}); export it again.") from None
    except (ValueError, LookupError):
        raise UnsupportedFormat("The SVG's text encoding is unknown; save it as UTF-8.") from None
    _check_work(rewriter)
    width, height, sized = _size(rewriter.root, dpi)
    return Drawing(bytes(rewriter.out), width, height, sized and not rewriter.styles_size)


def _inflate(data: bytes, most: int) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return zlib.decompressobj(wbits=31).decompress(data, most)
    except zlib.error:
        raise SourceDamaged("The SVGZ is not a valid gzip file; compress it again.") from None


def _too_large(what: str) -> SourceTooLarge:
    return SourceTooLarge(f"The SVG {what}; simplify it, or send it as a PNG.")


def _refuse_entity(_name: str, _parameter: bool, value: str | None, *_identifiers: object) -> None:
    if value is None:
        raise UnsupportedFormat("The SVG refers to external XML entities; save it without a DTD.")
    raise SourceTooLarge("The SVG declares XML entities, which can expand; save it without a DTD.")


@dataclass(slots=True)
class _Node:
    names: list[str]
    references: list[tuple[str, str]]
    work: float
    vertices: int
    parts: list[int] = field(default_factory=list)
    paints: list[tuple[int, int]] = field(default_factory=list)


class _Rewriter:
    """Write what may stay of a document, and note what it takes to draw it."""

    def __init__(self, max_bytes: int, max_image_pixels: int) -> None:
        self.out = bytearray()
        self.nodes: list[_Node] = []
        self.rules: dict[str, list[tuple[str, str]]] = {}
        self.root: dict[str, str] = {}
        self.styles_size = False
        self._max_bytes, self._pixels_left = max_bytes, max_image_pixels
        self.rule_count = self._elements = self._attributes = self._skipped = 0
        self._open: list[tuple[str, int]] = []
        self._style: list[str] = []
        self._tag_end = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._attributes += len(attributes)
        if self._elements > _MAX_ELEMENTS or self._attributes > _MAX_ATTRIBUTES:
            raise _too_large("has too many elements or attributes")
        if len(self._open) + self._skipped >= _MAX_DEPTH:
            raise _too_large(f"nests elements deeper than {_MAX_DEPTH}")
        namespace, _, tag = name.rpartition("\n")
        parent, index = self._open[-1] if self._open else ("", 0)
        drawn = namespace in ("", _SVG) and _DRAWN.fullmatch(tag) is not None
        if not parent and not (drawn and tag == "svg"):
            raise UnsupportedFormat("The file is XML, but not an SVG drawing; send an image.")
        if self._skipped or not drawn or parent == "style":
            if parent == "switch" and not self._skipped:
                # A <switch> draws the first child that applies, even if that draws nothing.
                conditions = {k: v for k, v in attributes.items() if _CONDITION.fullmatch(k)}
                self._write_tag("defs", conditions)
                self._write("/>")
            self._skipped += 1
            return
        kept = dict(filter(None, map(self._clean, attributes.items())))
        self._write_tag(tag, kept if parent else {"xmlns": _SVG, "xmlns:xlink": _XLINK} | kept)
        self._tag_end = ">"
        if not parent:
            self.root = kept
        elif not _RESOURCE.fullmatch(tag):
            self.nodes[index].parts.append(len(self.nodes))
        self._open.append((tag, len(self.nodes)))
        self.nodes.append(_node(tag, kept))

    def end(self, _name: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        tag, _ = self._open.pop()
        if tag == "style":
            css = _without_loading("".join(self._style))
            self._style.clear()
            self._note_rules(css)
            self._write(css.translate(_TEXT_ESCAPES))
        closing = "/>" if self._tag_end else f"</{tag}>"
        self._tag_end = ""
        self._write(closing)

    def text(self, text: str) -> None:
        tag, index = self._open[-1]
        if self._skipped or not _TEXTUAL.fullmatch(tag):
            return
        if tag == "style":
            self._style.append(text)
            return
        self.nodes[index].work += len(text) ** 2 * _CHARACTERS_SQUARED
        self._write(text.translate(_TEXT_ESCAPES))

    def _write_tag(self, tag: str, attributes: dict[str, str]) -> None:
        pairs = (f' {name}="{value.translate(_ESCAPES)}"' for name, value in attributes.items())
        self._write(f"<{tag}{''.join(pairs)}")

    def _write(self, text: str) -> None:
        if text:
            self.out += (self._tag_end + text).encode()
            self._tag_end = ""
        if len(self.out) > self._max_bytes:
            raise _too_large(f"has over {self._max_bytes:,} bytes")

    def _clean(self, attribute: tuple[str, str]) -> tuple[str, str] | None:
        namespace, _, name = attribute[0].rpartition("\n")
        value = attribute[1]
        if name == "href" and namespace in ("", _XLINK):
            prefix = "xlink:" if namespace else ""
            return (prefix + name, value) if self._is_inside(value.strip()) else None
        if namespace == _XML and name in ("space", "lang"):
            return f"xml:{name}", value
        if namespace or name.lower().startswith("on"):
            return None
        return name, _without_loading(value)

    def _is_inside(self, href: str) -> bool:
        image = _DATA_IMAGE.match(href)
        if not image or href.count("%") > _MAX_PERCENTS:
            return href.startswith("#")
        try:
            pixels = _pixels(binascii.a2b_base64(unquote_to_bytes(href[image.end() :])))
        except ValueError:
            return False
        self._pixels_left -= pixels
        if self._pixels_left < 0:
            raise _too_large("embeds images with too many pixels")
        return pixels > 0

    def _note_rules(self, css: str) -> None:
        self.rule_count += css.count("}") + css.count(",")
        if self.rule_count > _MAX_ELEMENTS:
            raise _too_large(f"has over {_MAX_ELEMENTS:,} style rules")
        for rule in _CSS_COMMENT.sub(" ", css).split("}"):
            selectors, _, body = rule.rpartition("{")
            declarations = list(_declarations(body))
            self.styles_size |= any(name in ("width", "height") for name, _ in declarations)
            references = _references(declarations)
            for selector in selectors.rpartition("{")[2].split(",") if references else ():
                last = _CSS_SUBJECT.search(selector.strip())
                name = (last[2] or last[1]) if last else ""
                self.rules.setdefault(name or "*", []).extend(references)


def _node(tag: str, attributes: dict[str, str]) -> _Node:
    references = _references(attributes.items())
    references += _references(_declarations(attributes.get("style", "")))
    href = attributes.get("href", attributes.get("xlink:href", "")).strip()
    if href.startswith("#") and tag != "a":
        references.append(("href", href[1:]))
    names = ["#" + attributes.get("id", ""), "*", tag]
    names += ["." + name for name in attributes.get("class", "").split(None, 100)]
    # No step of a path is shorter than two characters, and each can carry a marker.
    vertices = len(attributes.get("d", attributes.get("points", ""))) // 2 + 1
    step = _FILTER_STEP * _SLOW.get(tag, 1) if tag.startswith("fe") else 1
    return _Node(names, references, _MASK if tag == "mask" else step, vertices)


def _declarations(css: str) -> Iterator[tuple[str, str]]:
    return ((found[1].lower(), found[2]) for found in _CSS_DECLARATION.finditer(css))


def _references(declarations: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [
        (name, target.strip())
        for name, value in declarations
        if "(" in value
        for target in _URL_HERE.findall(_unescaped(value))
    ]


def _unescaped(css: str) -> str:
    return _CSS_ESCAPE.sub(lambda m: m[2] or chr(min(int(m[1], 16), 0x10FFFF)), css)


def _without_loading(css: str) -> str:
    # An escape can hide the letters of url( and @import from everything but a CSS parser.
    if "\\" in css and len(_LOADING.findall(_unescaped(css))) != len(_LOADING.findall(css)):
        return ""
    return re.sub("(?i)@import", "@-import", _URL_ELSEWHERE.sub("url(#-)", css))


def _pixels(image: bytes) -> int:
    """Read the declared size of a PNG, JPEG, GIF or WebP image; 0 for what is none of them."""
    if image.startswith(b"\x89PNG\r\n\x1a\n"):
        return int.from_bytes(image[16:20], "big") * int.from_bytes(image[20:24], "big")
    if image.startswith(b"\xff\xd8"):
        frames = [int.from_bytes(sides, "big") for sides in _JPEG_FRAME.findall(image)]
        return max(((sides >> 16) * (sides & 0xFFFF) for sides in frames), default=0)
    for start, name, position, bits, mask, added in _PACKED_SIZES:
        if image.startswith(name, start):
            sides = int.from_bytes(image[position : position + 6], "little")
            return ((sides & mask) + added) * ((sides >> bits & mask) + added)
    return 0


def _check_work(document: _Rewriter) -> None:
    """Add up what is drawn, each element as often as something refers to it."""
    nodes, rules = document.nodes, document.rules
    first = {node.names[0]: len(nodes) - i for i, node in enumerate(reversed(nodes), 1)}
    too_much = _too_large("takes too long to draw: it repeats too much, or has too many filters")
    nodes[0].work += len(nodes) * document.rule_count * _RULE_TRIED
    edges = 0
    for node in nodes:
        references = node.references + [r for name in node.names for r in rules.get(name, ())]
        edges += len(references)
        if edges > _MAX_WORK:
            raise too_much
        for name, target in references:
            index = first.get("#" + target, 0)
            if index and _PAINT.fullmatch(name):
                times = node.vertices if name in ("marker", "marker-mid") else 1
                node.paints.append((index, times))
            elif index:
                node.parts.append(index)
    done: dict[int, tuple[int, float]] = {}
    entered = set[int]()
    pending = [0]
    while pending:
        index = pending[-1]
        node = nodes[index]
        if index not in entered:
            entered.add(index)
            pending += {*node.parts, *dict(node.paints)} - entered
            continue
        pending.pop()
        # What refers to itself is not drawn again: it is not done yet.
        parts = [done.get(part, (0, 0.0)) for part in node.parts]
        count = 1 + sum(elements for elements, _ in parts)
        work = node.work + sum(work for _, work in parts)
        work += sum(done.get(i, (0, 0.0))[1] * times * count for i, times in node.paints)
        if work > _MAX_WORK:
            raise too_much
        done[index] = count, work


def _size(root: dict[str, str], dpi: float) -> tuple[float, float, bool]:
    """Resolve the size like librsvg: the style goes first, a missing side follows the viewBox."""
    root = root | dict(_declarations(root.get("style", "")))
    em = _px(root.get("font-size", ""), dpi, 12.0) or 12.0
    width, height = (_px(root.get(side, ""), dpi, em) for side in ("width", "height"))
    numbers = re.split(r"[\s,]+", root.get("viewBox", "").strip(), maxsplit=4)
    box = [_px(number, dpi, em) for number in numbers]
    across, down = box[2:] if len(box) == 4 else (None, None)
    if width is None or height is None:
        if across is None or down is None:
            return 100.0, 100.0, False
        declared, drawn = (height or 0.0, down) if width is None else (width, across)
        scale = 1.0 if width is None and height is None else declared / (drawn or math.inf)
        width, height = round(across * scale, 6), round(down * scale, 6)
    if not width or not height:
        raise SourceDamaged("The SVG has a width or height of zero; give it a size.")
    if max(width, height) > _MAX_SIDE:
        raise _too_large(f"is over {_MAX_SIDE:,} px wide or high")
    return width, height, True


def _px(length: str, dpi: float, em: float) -> float | None:
    found = _LENGTH.fullmatch(length.replace("!important", ""))
    units = {"": 1.0, "px": 1.0, "em": em, "ex": em / 2, "in": dpi, "cm": dpi / 2.54}
    units |= {"mm": dpi / 25.4, "pt": dpi / 72, "pc": dpi / 6}
    if not found or found[2].lower() not in units:
        return None
    value = float(found[1]) * units[found[2].lower()]
    return value if 0 <= value < math.inf else None
