"""Gets, keeps and gives back the lease.

The package's own election (kubernetes.aio.leaderelection) will not do: it counts by the wall clock,
lets a renewal hang for longer than the lease, gives nothing back and fences no write.
"""

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cms_operator import tasks
from cms_operator.cluster.cache.store import TurnedBackError
from cms_operator.cluster.leader_election.lease import Lease, Place
from cms_operator.cluster.transport.api_error import FAILURES, ApiError
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.transport.fence import Fence, clock
from cms_operator.election import Act, Candidate, Timing, claimed, next_act, released
from cms_operator.observability import metrics
from cms_operator.settings import Settings

log = logging.getLogger(__name__)

# How long to wait for writes that are under way when the lease is given back.
_DRAIN_SECONDS = 3.0
# aiohttp takes 0 for no limit.
_SHORTEST_SECONDS = 0.1


@dataclass(frozen=True)
class Election:
    """What an operator needs to be elected.

    The client has no fence, and no other request to hold a renewal up.
    """

    client: KubernetesClient
    place: Place
    timing: Timing
    fence: Fence
    identity: str

    @classmethod
    async def prepare(cls, settings: Settings) -> "Election":
        """Raises what KubernetesClient.connect() raises."""
        # A container that is started anew in its pod is another one.
        identity = f"{socket.gethostname()}_{secrets.token_hex(4)}"
        timing = Timing(settings.lease.seconds)
        return cls(
            client=await KubernetesClient.connect(connections=2, identity=identity),
            place=Place(settings.operator_namespace, settings.lease.name),
            timing=timing,
            fence=Fence(timing),
            identity=identity,
        )


class Elector:
    """`lead` is called when the lease is won, `follow` when it is lost or about to be given back.

    Nothing is claimed again before `follow` has returned.
    """

    def __init__(
        self, election: Election, lead: Callable[[], object], follow: Callable[[], Awaitable[None]]
    ) -> None:
        self._name = election.place.name
        self._timing = election.timing
        self._fence = election.fence
        self._lead = lead
        self._follow = follow
        self._lease = Lease(election.client, election.place, election.timing)
        self._me = Candidate(election.identity)

    async def look(self) -> None:
        """Wait until it is known who leads, so that a lease that is deleted later is not taken."""
        while True:
            try:
                await self._lease.read()
            except FAILURES as error:
                log.warning("cannot read the lease %s: %s", self._name, error)
                await asyncio.sleep(self._timing.retry)
            else:
                return

    async def run(self) -> None:
        """Run the election until cancelled; look() comes before it, give_back() after.

        Raises TurnedBackError.
        """
        watching = asyncio.create_task(self._lease.watch_forever())
        try:
            while not watching.done():
                await self._turn()
            await watching
        finally:
            await tasks.end([watching])

    async def _turn(self) -> None:
        self._lease.news.clear()
        step = next_act(self._lease.view, self._me, self._timing, clock())
        if step.act is Act.WAIT:
            await self._wait(step.until)
        elif step.act is Act.GIVE_UP:
            await self._step_down()
        else:
            await self._claim()

    async def _wait(self, until: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - clock())):
                await self._lease.news.wait()

    async def _claim(self) -> None:
        sent = clock()
        self._me = replace(self._me, tried=sent)
        spec = claimed(self._lease.view, self._me.identity, self._timing, datetime.now(UTC))
        try:
            await self._lease.write(spec, self._request_seconds(sent))
        except FAILURES as error:
            await self._claim_failed(error)
            return
        self._fence.renewed(sent)
        leads = self._me.renewed is not None
        self._me = replace(self._me, renewed=sent)
        if not leads:
            log.info("this operator leads: it has the lease %s", self._name)
            metrics.LEASE_TRANSITIONS.labels("won").inc()
            self._lead()

    def _request_seconds(self, now: float) -> float:
        if self._me.renewed is None:
            return self._timing.request
        left = self._me.renewed + self._timing.renew_deadline - now
        return max(_SHORTEST_SECONDS, min(self._timing.request, left))

    async def _claim_failed(self, error: Exception) -> None:
        # Somebody else has written it, or it is gone, or it is there after all.
        was_others = isinstance(error, ApiError) and (error.is_not_found or error.is_conflict)
        if self._me.renewed is not None:
            metrics.LEASE_RENEW_FAILURES.inc()
            log.warning("could not renew the lease %s: %s", self._name, error)
        elif not was_others:
            log.warning("could not claim the lease %s: %s", self._name, error)
        if was_others:
            with contextlib.suppress(*FAILURES):
                await self._lease.read()

    async def _step_down(self) -> None:
        holder = self._lease.view.holder
        why = "it was not renewed in time" if holder == self._me.identity else f"{holder!r} has it"
        log.warning("this operator has lost the lease %s: %s", self._name, why)
        await self._end("lost")

    async def give_back(self) -> None:
        """Let another lead at once; no write is under way any more when it may begin."""
        if self._me.renewed is None:
            return
        self._fence.close()
        await self._fence.idle(_DRAIN_SECONDS)
        await self._end("released")
        try:
            await self._lease.read()  # the answer of a renewal may have got lost just now
            if self._lease.view.held_by(self._me.identity):
                await self._lease.write(released(datetime.now(UTC)), self._timing.request)
        except (*FAILURES, TurnedBackError) as error:
            log.warning("could not give back the lease %s: %s", self._name, error)
        else:
            log.info("gave back the lease %s", self._name)

    async def _end(self, how: str) -> None:
        self._fence.close()
        self._me = replace(self._me, renewed=None)
        metrics.LEASE_TRANSITIONS.labels(how).inc()
        await self._follow()
