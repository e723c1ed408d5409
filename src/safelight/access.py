"""What an address may ask for, with a signature and without one."""

from typing import Annotated

import msgspec

from safelight.confidential import Confidential
from safelight.dialects.grammar import Match
from safelight.errors import Forbidden, SettingError
from safelight.operations import OPERATIONS, PARAMETERS
from safelight.signing import fault_of


class Security(Confidential, frozen=True):
    """Who may ask for what. A signature allows everything.

    ``keys`` sign addresses: the first signs, each is valid. With keys an address without a
    signature is refused, unless ``unsigned`` lets anyone who can reach the server ask, or
    ``presets_only`` lets them name presets and nothing else. ``operations`` (or their parameters)
    and ``widths`` (px) bound what they may say beside presets; empty: anything. ``admin_key`` is
    for what changes the store.
    """

    hidden = frozenset({"keys", "admin_key"})

    keys: tuple[str, ...] = ()
    unsigned: bool = False
    presets_only: bool = False
    operations: tuple[str, ...] = ()
    widths: tuple[Annotated[int, msgspec.Meta(ge=1)], ...] = ()
    admin_key: str = ""

    def check_settings(self) -> None:
        """Refuse what would not protect. Raises SettingError; it shows no key."""
        for number, key in enumerate(self.keys, 1):
            if fault := fault_of(key):
                raise SettingError(
                    f"security.keys: key {number} {fault} (example: "
                    'keys = ["write here what `openssl rand -hex 32` prints"])'
                )
        if self.admin_key and (fault := fault_of(self.admin_key)):
            raise SettingError(
                f"security.admin_key: it {fault} (example: "
                'admin_key = "write here what `openssl rand -hex 32` prints")'
            )
        for name in self.operations:
            if name not in OPERATIONS and name not in PARAMETERS:
                raise SettingError(
                    f"security.operations: {name!r} is no operation and no parameter of one "
                    '(example: operations = ["resize", "format"])'
                )

    @property
    def exposable(self) -> bool:
        """Whether the service may be reached by others."""
        return bool(self.keys) or self.presets_only or self.unsigned

    @property
    def unrestricted(self) -> bool:
        """Whether anything may be asked for without a signature."""
        bounded = self.presets_only or self.operations or self.widths
        return not bounded and self._heard

    @property
    def _heard(self) -> bool:
        """Whether addresses without a signature are read at all."""
        return not self.keys or self.unsigned or self.presets_only

    def check_heard(self) -> None:
        """Refuse an address without a signature before it is read. Raises Forbidden."""
        if not self._heard:
            raise Forbidden("the address is not signed: ask for one where you got it")

    def check(self, match: Match) -> None:
        """Refuse what may not be asked for without a signature. Raises Forbidden."""
        self.check_heard()
        if self.presets_only and (match.names or not match.presets):
            raise Forbidden("without a signature only presets may be asked for, by their names")
        for name in sorted(match.names):
            operation = PARAMETERS[name].operation
            if self.operations and not {name, operation} & set(self.operations):
                raise Forbidden(
                    f"{name!r} needs a signed address; without one there are "
                    f"{', '.join(self.operations)}, and presets"
                )
        if self.widths and "w" in match.names and match.transform["w"] not in self.widths:
            raise Forbidden(
                "this width needs a signed address; without one there are "
                f"{', '.join(map(str, self.widths))}"
            )
