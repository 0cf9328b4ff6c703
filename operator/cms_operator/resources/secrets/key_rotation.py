"""The rotation of the JWT signing key, in steps that no token notices.

Every pod learns the new key, then signs with it, and the old one goes when the
last token that it signed has expired. Each step waits until all serving pods
have told that they use the ring as it stands.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cms_operator.api.status import JwtKeysStatus
from cms_operator.resources.secrets import jwt_keys
from cms_operator.resources.secrets.jwt_keys import Ring
from cms_operator.resources.secrets.randomness import RandomBytes

RotationPhase = Literal["Stable", "Verifying", "Signing", "Retiring"]

POLL_SECONDS = 5.0
# Pods' clocks and the token's own leeway.
MARGIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class RotationRequest:
    """`annotation` is the value by which somebody asks for a new key; a new one is a new request.
    `user_value` is the key of the user's own Secret.
    """

    annotation: str | None
    user_value: bytes | None


@dataclass(frozen=True, slots=True)
class RotationStep:
    """The ring and the status after this step; look again after `again` seconds."""

    ring: Ring
    status: JwtKeysStatus
    again: float | None = None


def token_life(seconds: int, configurations: Iterable[Mapping[str, str]]) -> timedelta:
    """The longest of tokens that pods may have given out: `seconds` is the present spec's,
    `configurations` are those of the revisions on record.
    """
    lives = (int(found.get("ACCESS_TOKEN_SECONDS", 0)) for found in configurations)
    return timedelta(seconds=max([seconds, *lives]))


def needs_pods(status: JwtKeysStatus | None) -> bool:
    """Only two phases wait for pods; in all others none is asked."""
    return status is not None and status.phase in ("Verifying", "Signing")


def first_step(ring: Ring, request: RotationRequest, now: datetime) -> RotationStep:
    """A ring that has just been made: there is nothing to rotate yet."""
    return RotationStep(ring, _status(ring, "Stable", request.annotation, now))


def next_step(  # noqa: PLR0911, PLR0913, PLR0917  - one return a phase, one argument a fact
    ring: Ring,
    before: JwtKeysStatus | None,
    request: RotationRequest,
    reported: Sequence[int],
    token_life: timedelta,
    now: datetime,
    random: RandomBytes,
) -> RotationStep:
    """`reported` holds the generation that each serving pod uses, 0 where it is unknown."""
    if before is None or before.since is None or before.phase not in _phases_of(ring):
        # The ring was written and the status was not, or it was lost: begin the phase anew.
        # That waits longer, and forgets no key too early.
        before = _status(ring, _phases_of(ring)[0], _handled(ring, before, request), now)
        if needs_pods(before):  # which have not been asked yet
            return RotationStep(ring, before, POLL_SECONDS)
    since = before.since or now
    everyone = all(generation >= ring.generation for generation in reported)
    match before.phase:
        case "Stable":
            return _begin(ring, before, request, now, random)
        case "Verifying" if everyone:
            return _go(jwt_keys.sign_with_new(ring), "Signing", before, now)
        case "Signing" if everyone:
            return _go(ring, "Retiring", before, now, token_life + MARGIN)
        case "Retiring":
            left = since + token_life + MARGIN - now
            if left > timedelta(0):
                return RotationStep(ring, before, left.total_seconds())
            return _go(jwt_keys.retire_old(ring), "Stable", before, now)
    return RotationStep(ring, before, POLL_SECONDS)


def _begin(
    ring: Ring, before: JwtKeysStatus, request: RotationRequest, now: datetime, random: RandomBytes
) -> RotationStep:
    foreign = request.user_value is not None and not jwt_keys.holds(ring, request.user_value)
    asked = request.annotation is not None and request.annotation != before.handled_request
    if asked and request.user_value is not None and not foreign:
        # A key of our own would have to give way to the user's again.
        return RotationStep(ring, before.model_copy(update={"handled_request": request.annotation}))
    if not foreign and not asked:
        return RotationStep(ring, before)
    grown = jwt_keys.add_key(ring, random, request.user_value if foreign else None)
    return RotationStep(grown, _status(grown, "Verifying", request.annotation, now), POLL_SECONDS)


def _handled(ring: Ring, before: JwtKeysStatus | None, request: RotationRequest) -> str | None:
    """Which request a ring answers whose status was never written: the current one only if the ring
    grew for it. A later request still gets its own key.
    """
    if before is None or (before.phase == "Stable" and ring.generation > before.generation):
        return request.annotation
    return before.handled_request


def _go(
    ring: Ring,
    phase: RotationPhase,
    before: JwtKeysStatus,
    now: datetime,
    wait: timedelta = timedelta(seconds=POLL_SECONDS),
) -> RotationStep:
    again = None if phase == "Stable" else wait.total_seconds()
    return RotationStep(ring, _status(ring, phase, before.handled_request, now), again)


def _status(ring: Ring, phase: RotationPhase, request: str | None, now: datetime) -> JwtKeysStatus:
    return JwtKeysStatus(
        generation=ring.generation,
        phase=phase,
        handled_request=request,
        since=now.replace(microsecond=0),
    )


def _phases_of(ring: Ring) -> tuple[RotationPhase, ...]:
    if len(ring.keys) == 1:
        return ("Stable",)
    return ("Signing", "Retiring") if ring.sign == ring.newest else ("Verifying",)
