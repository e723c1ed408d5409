"""What went wrong with a store in a cloud, read from what obstore says of it.

obstore tells a missing object and little else apart; the rest is in its text, with the endpoint and
the answer's body. What is made of it here is one sentence without either.
"""

from __future__ import annotations

import re

import msgspec

from safelight.storage.credentials import VARIABLES

# Compiled where there is a fault to be read: a cold start counts.
_STATUS = r"status code: ([0-9]{3})"
_CODE = r"<Code>\s*([A-Za-z0-9.]{1,80})\s*</Code>"
# obstore has no word for where a request went; that it asked for credentials is told by the path.
_ASKING_FOR_CREDENTIALS = (
    r"://[^/\s]+/(?:latest/(?:api/token|meta-data)|computeMetadata/|metadata/identity/|oauth2/)"
    r"|performing token request|AssumeRoleWithWebIdentity"
)

# A listing ends at a key that obstore has no word for.
_NO_PATH = r"(?s)object with invalid path:.*?Path \"(.{1,200}?)\"(?: contained|:)"

# Codes of 404 that speak of the object, and not of the bucket or of whoever asks.
_NO_OBJECT = frozenset(("NoSuchKey", "NoSuchVersion", "BlobNotFound", "ResourceNotFound"))
_NO_BUCKET = frozenset(("NoSuchBucket", "ContainerNotFound"))
# What may be there and is not for us: a private object, or one that was put into an archive.
_NOT_FOR_US = frozenset(("AccessDenied", "InvalidObjectState", "BlobArchived"))
# Keys that no object of the store can have.
_NO_KEY = frozenset(("KeyTooLongError", "InvalidURI", "InvalidResourceName", "OutOfRangeInput"))
_ELSEWHERE = frozenset(
    ("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed",
     "IllegalLocationConstraintException")
)  # fmt: skip


class Fault(msgspec.Struct, frozen=True):
    """A failed call: the status and code of the answer, and what obstore said without it."""

    status: int | None
    code: str
    said: str

    @property
    def object_missing(self) -> bool:
        """Whether nothing but the object is missing, or it is not to be told from that."""
        if self.status == 404:
            return not self.code or self.code in _NO_OBJECT
        return self.code in _NOT_FOR_US or self.code in _NO_KEY

    @property
    def silent(self) -> bool:
        """Whether the answer gives no reason, as those to HEAD do not."""
        return self.status in (400, 401, 403) and not self.code

    def sentence(self, kind: str) -> str:
        """Say what is wrong with a store of a kind, in words that anybody may read."""
        if re.search(_ASKING_FOR_CREDENTIALS, self.said):
            return f"there are no credentials for it: set {VARIABLES[kind]}"
        if self.code in _NO_BUCKET:
            return "there is no such bucket or container"
        if self.code in _ELSEWHERE or "redirect without LOCATION" in self.said:
            return "the bucket is in another region, or behind another endpoint"
        if self.code == "RequestTimeTooSkewed":
            return "the clock of this machine is wrong"
        if self.code in _NOT_FOR_US:
            return f"access is denied: its credentials lack a right ({self.code})"
        if self.status in (401, 403) or self.code in ("ExpiredToken", "XAdminUserNotFound"):
            return f"its credentials are refused{self._answer}"
        if self.status is None:
            return self._without_answer
        if self.status >= 500 or self.status == 429:
            return f"it answers with errors{self._answer}"
        return f"it answers in an unexpected way{self._answer}"

    @property
    def _answer(self) -> str:
        parts = " ".join(filter(None, (str(self.status or ""), self.code)))
        return f" ({parts})" if parts else ""

    @property
    def _without_answer(self) -> str:
        if "kind: Timeout" in self.said:
            return "it does not answer in time"
        if "kind: Connect" in self.said:
            return "it cannot be reached: is its endpoint right, and the network up?"
        if odd := re.search(_NO_PATH, self.said):
            return (
                "it cannot be listed where a key has an empty part, one of dots, or a control "
                f"character: rename {odd[1]!r}"
            )
        if "InvalidMetadata" in self.said:
            return "an object has metadata that is not ASCII"
        return "its answer is cut off or malformed"


def fault_of(error: Exception, path: str) -> Fault:
    """Read an error of obstore's; ``path`` is what was asked for.

    Where obstore repeats the path it is passed over: a path may look like an answer.
    """
    text = str(error)
    said = text.partition(f"{path} ")[2] if f"{path} " in text else text
    answer = said.partition("\n\nDebug source")[0]
    if re.search(_ASKING_FOR_CREDENTIALS, answer):
        # Whatever was answered there says nothing about the object.
        return Fault(None, "", answer)
    status = re.search(_STATUS, answer)
    if status is None:
        return Fault(404 if isinstance(error, FileNotFoundError) else None, "", said)
    code = re.search(_CODE, answer[status.end() :])
    return Fault(int(status[1]), code[1] if code else "", answer[: status.end()])
