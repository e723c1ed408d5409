"""Many outputs of one source, which is decoded as rarely as can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from types import MappingProxyType

import msgspec
import pyvips
from msgspec.structs import replace

from safelight.costs import PROFILES, UPLOAD, Profile
from safelight.engine.materials import Studio
from safelight.engine.negative import Negative
from safelight.engine.rendering import Draft, drafted, exposed, page_header, through, written
from safelight.engine.target import reads_once
from safelight.errors import SafelightError, SourceError
from safelight.limits import Limits, check_wishes
from safelight.operations import OPERATIONS, Stage
from safelight.operations.frame import Frame
from safelight.operations.reading import Reading
from safelight.picture import Analysis, Developed, Facts, Header, Rendering, Wish

# What concerns how a picture is written, and not what is to be seen.
_OUTPUT = {
    parameter.name: None
    for operation in OPERATIONS.values()
    if operation.stage == Stage.OUTPUT
    for parameter in operation.parameters
}


class _Exposure(msgspec.Struct, frozen=True):
    """A picture before it is written; several outputs may be the same one in different formats.

    ``profile`` is a name.
    """

    draft: Draft
    profile: str

    @classmethod
    def of(cls, draft: Draft, profile: str) -> _Exposure:
        return cls(replace(draft, transform=draft.transform.changed(**_OUTPUT)), profile)


def develop(
    data: bytes,
    wishes: Sequence[Wish],
    limits: Limits,
    *,
    pictures: Mapping[str, bytes] = MappingProxyType({}),
    analyse: bool = False,
    facts: str = "none",
) -> Developed:
    """Make several pictures of one source, which is decoded once if they allow.

    ``data``: a whole source file; ``pictures``: those that any of the wishes needs, by key;
    ``analyse``: tell what the source looks like; ``facts``: what is told of its metadata, a policy
    of ``metadata.POLICIES``. What is wrong with one output stands in its place. Raises SourceError
    of some kind when the source cannot be used, TransformInvalid for more than ``MAX_WISHES``.
    """
    check_wishes(wishes)
    header_of = cache(partial(page_header, data))
    limits.check_header(header_of(1))
    room = _Darkroom(data, limits, Studio(pictures, limits), header_of)
    made, analysis = room.develop(list(dict.fromkeys(wishes)), analysed=analyse)
    pictures_made = tuple(made[wish] for wish in wishes)
    told = None if facts == "none" else room.told(facts)
    return Developed(header_of(1), pictures_made, analysis, told, room.decodes)


class _Darkroom:
    """Where one source is developed."""

    def __init__(
        self, data: bytes, limits: Limits, materials: Studio, header_of: Callable[[int], Header]
    ) -> None:
        self._data = data
        self._limits = limits
        self._materials = materials
        self._header_of = header_of
        self.decodes = 0
        self._first: Negative | None = None

    def told(self, facts: str) -> Facts:
        """Tell what the source says of itself, as a policy lets it."""
        from safelight.engine.facts import told

        # The first page, if several outputs were made of it.
        loaded = self._first.loaded if self._first else None
        return told(self._data, self._header_of(1), facts, loaded)

    def develop(
        self, wishes: Iterable[Wish], *, analysed: bool
    ) -> tuple[dict[Wish, Rendering | SafelightError], Analysis | None]:
        """Make all pictures, and look at the source if it shall be ``analysed``."""
        made: dict[Wish, Rendering | SafelightError] = {}
        drafts: dict[_Exposure, dict[Wish, Draft]] = {}
        for wish in wishes:
            try:
                draft = drafted(self._header_of, wish.transform, self._limits)
            except SafelightError as fault:
                made[wish] = fault
            else:
                exposure = _Exposure.of(draft, wish.profile)
                drafts.setdefault(exposure, {})[wish] = draft
        look = self._look() if analysed else None
        negatives = self._negatives([*drafts, look] if look else list(drafts))
        # The largest last: they may hold as much as the source, and the others nothing then.
        for exposure in sorted(drafts, key=lambda one: one.draft.planned.scale):
            made.update(self._printed(exposure, drafts[exposure], negatives.get(exposure)))
        return made, self._looked(look, negatives.get(look)) if look else None

    def _negatives(self, exposures: Iterable[_Exposure]) -> dict[_Exposure, Negative]:
        """Decode once for all that read the source the same way, but for its metadata."""
        alike: dict[Reading, list[_Exposure]] = {}
        for exposure in exposures:
            if _may_share(exposure):
                opened = exposure.draft.reading
                way = replace(opened, metadata="none", frames=None, hdr=False)
                alike.setdefault(way, []).append(exposure)
        negatives: dict[_Exposure, Negative] = {}
        for members in alike.values():
            if len(members) < 2:
                continue
            drafts = [member.draft for member in members]
            negative = Negative(self._data, drafts, residual=UPLOAD.residual)
            if negative.memory <= self._limits.memory:
                self.decodes += 1
                negatives |= dict.fromkeys(members, negative)
                if drafts[0].reading.page == 1:
                    self._first = negative
        return negatives

    def _printed(
        self, exposure: _Exposure, drafts: Mapping[Wish, Draft], negative: Negative | None
    ) -> Iterator[tuple[Wish, Rendering | SafelightError]]:
        """Make all outputs of an exposure. Raises SourceError if it is the source's fault."""
        started = time.perf_counter()
        try:
            frame = self._exposed(exposure, negative)
            frame = frame if len(drafts) == 1 else frame.in_memory()
        except (SafelightError, pyvips.Error) as error:
            fault = _own_fault(error)
            yield from ((wish, fault) for wish in drafts)
            return
        for wish, draft in drafts.items():
            try:
                yield wish, self._written(frame, draft, PROFILES[exposure.profile], started)
            except (SafelightError, pyvips.Error) as error:
                yield wish, _own_fault(error)
            started = time.perf_counter()

    def _exposed(self, exposure: _Exposure, negative: Negative | None) -> Frame:
        """Take the source through all operations of an exposure."""
        if negative is None:
            self.decodes += 1
            profile = PROFILES[exposure.profile]
            return exposed(self._data, exposure.draft, self._limits, self._materials, profile)
        frame = negative.frame(exposure.draft, self._materials)
        return through(frame, exposure.draft.transform, self._limits)

    def _written(self, frame: Frame, draft: Draft, profile: Profile, started: float) -> Rendering:
        for operation, arguments in draft.transform.steps():
            if operation.stage == Stage.OUTPUT:
                frame = operation.apply(frame, **arguments)
        frame = frame if reads_once(frame, draft.header) else frame.in_memory()
        return written(frame, self._data, draft, self._limits, profile, started=started)

    def _look(self) -> _Exposure:
        """Say what is looked at, where the source is described."""
        from safelight.engine.analysis import SMALL

        return _Exposure(
            drafted(self._header_of, SMALL.changed(frames=1), self._limits), UPLOAD.name
        )

    def _looked(self, look: _Exposure, negative: Negative | None) -> Analysis:
        # Loaded where it is asked for: a cold start counts.
        from safelight.engine.analysis import analyse, described

        if negative is None:
            self.decodes += 1
            return analyse(self._data, self._limits)
        frame = negative.frame(look.draft, self._materials)
        return described(through(frame, look.draft.transform, self._limits))


def _may_share(exposure: _Exposure) -> bool:
    """Tell whether a picture may be made from others of its source.

    What a request would get is made as for a request. A drawing is drawn anew at each size, and of
    an animation every frame is decoded. Where the highest entropy is, the least difference decides.
    """
    draft = exposure.draft
    alone = draft.header.vector or draft.frames > 1 or draft.transform["gravity"] == "entropy"
    return exposure.profile == UPLOAD.name and not alone


def _own_fault(error: SafelightError | pyvips.Error) -> SafelightError:
    """Give the fault of one output. Raises SourceError when it is the source's."""
    if isinstance(error, pyvips.Error):
        fault = SafelightError("the server's log has the reason")
        fault.__cause__ = error
        return fault
    if isinstance(error, SourceError) and not error.picture:
        raise error
    return error
