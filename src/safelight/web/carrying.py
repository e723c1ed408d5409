"""What a platform cannot carry is fetched from where it is stored."""

from __future__ import annotations

from msgspec.structs import replace

from safelight.answers import Answer
from safelight.errors import SettingError, StoreUnavailable
from safelight.picture import Rendering
from safelight.service import Service
from safelight.variants import content_digest, prefix
from safelight.web.exchange import NO_STORE, Response

# Where pictures of uploaded bytes lie: among the variants of a source of this name, so that they
# are bounded and purged with them.
_RESIZED = prefix("resized")


class Carried:
    """Tell what fits into an answer, and where else a viewer finds it."""

    def __init__(
        self, service: Service, most_bytes: int | None, *, within: float | None = None
    ) -> None:
        """``most_bytes``: what fits into an answer's body, None for anything.

        ``within``: see Delivery.location.
        """
        self._service = service
        self._within = within
        self._most_bytes = most_bytes

    def fits(self, response: Response) -> bool:
        """Tell whether a response can be carried."""
        return self._most_bytes is None or len(response.body) <= self._most_bytes

    def elsewhere(self, answer: Answer) -> Answer:
        """Say where a picture is, which is too large to be sent.

        Raises StoreUnavailable when it could not be stored, SettingError when nobody could read it.
        """
        variants, variant = self._service.variants, answer.located.variant
        # Sent away to what cannot be read, a viewer would be sent here again, and again.
        if not answer.stored or (not answer.cached and not variants.readable(variant)):
            raise self._not_stored(len(answer.data))
        # Who comes here although it lies under what they asked for could not read it there.
        delivery = self._service.delivery
        signed = delivery.signed(variants.store, variant.path, within=self._within)
        if variant.index and answer.cached and signed:
            return replace(answer, location=signed)
        return replace(answer, location=self._location(variant.path, len(answer.data)))

    def kept(self, response: Response, made: Rendering) -> Response:
        """Store a picture of what was uploaded, and send its viewer there.

        Raises StoreUnavailable, SettingError.
        """
        suffix = made.mime.removeprefix("image/")
        path = f"{_RESIZED}/{content_digest(made.data)}.{suffix}"
        location = self._location(path, len(made.data))
        attributes = {"Content-Type": made.mime, "digest": content_digest(made.data)}
        try:
            self._service.variants.store.put(path, made.data, attributes)
        except StoreUnavailable as error:
            raise self._not_stored(len(made.data)) from error
        self._service.variants.bound.grown(len(made.data))
        sizes = [header for header in response.headers if header[0].startswith(b"x-")]
        # 303: what was posted is not to be posted there again.
        return Response(303, [(b"location", location.encode()), NO_STORE, *sizes])

    def _location(self, path: str, size: int) -> str:
        store = self._service.variants.store
        location = self._service.delivery.location(store, path, within=self._within)
        if not location:
            raise SettingError(
                f"variants.public_url: {self._too_large(size)}, and the store has no address of "
                'its own for it (example: public_url = "https://images.example.com/")'
            )
        return location

    def _not_stored(self, size: int) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self._too_large(size)}, and it could not be stored: try again, and look at what "
            "variants.url names"
        )

    def _too_large(self, size: int) -> str:
        return f"the picture has {size} bytes, and {self._most_bytes} can be sent from here"
