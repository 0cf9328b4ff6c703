"""The Secrets that users name in a spec: read by name, never listed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from cms_operator.api.objects import Object
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.cache.trimming import DIGEST
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import SECRET
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.writing.apply import Applier
from cms_operator.resources.secrets.secret_data import decode_bytes, digest

Values = Mapping[str, bytes]


class _Place(NamedTuple):
    namespace: str
    name: str


class _Read(NamedTuple):
    values: Values
    digest: str


class Late(NamedTuple):
    """The server is unwell and has not answered for a Secret since `since`."""

    since: datetime
    error: ApiError


class SourceSecrets:
    """Keeps what was read until expire(): a change is seen at the next resync.

    For a Secret with the label headlesscms.io/watch=true the store has a digest,
    and a change of it is seen at once. A missing one is asked for each time. While
    the server is unwell the last known values are used.
    """

    def __init__(self, applier: Applier, store: Store) -> None:
        self._applier = applier
        self._store = store
        self._known: dict[_Place, _Read] = {}
        self._fresh: set[_Place] = set()
        self._late: dict[_Place, Late] = {}
        self._readers: defaultdict[_Place, set[Key]] = defaultdict(set)
        self._named: dict[Key, frozenset[str]] = {}

    async def read(
        self, key: Key, names: Iterable[str], now: datetime, *, live: bool = False
    ) -> dict[str, Values | None]:
        """The decoded values of each Secret; None for one that does not exist.

        `live` trusts no copy, of which a watch may have brought no news yet. Raises ApiError.
        """
        wanted = frozenset(names)
        self._remember(key, wanted)
        return {
            name: await self._one(_Place(key.namespace, name), now, live=live)
            for name in sorted(wanted)
        }

    def late(self, key: Key) -> Late | None:
        """Since when one of its Secrets cannot be read; None where all can."""
        places = (_Place(key.namespace, name) for name in self._named.get(key, ()))
        found = (self._late[place] for place in places if place in self._late)
        return min(found, key=lambda late: late.since, default=None)

    def readers_of(self, namespace: str, name: str) -> set[Key]:
        return set(self._readers.get(_Place(namespace, name), ()))

    def forget(self, key: Key) -> None:
        self._remember(key, frozenset())
        self._named.pop(key, None)

    def expire(self) -> None:
        self._fresh.clear()

    def expire_of(self, key: Key) -> None:
        """Read the Secrets of `key` again next time: something in them has to be mended."""
        for name in self._named.get(key, ()):
            self._fresh.discard(_Place(key.namespace, name))

    async def _one(self, place: _Place, now: datetime, *, live: bool) -> Values | None:
        if live:
            return self._keep(place, await self._ask(place, now))
        watched, known = self._store.get(SECRET, *place), self._known.get(place)
        if watched is not None:
            self._fresh.discard(place)  # without its label it has to be read
            told = watched.get(DIGEST) or digest(watched)
            is_current = known is not None and known.digest == told
        else:
            is_current = place in self._fresh
        if known is None or not is_current:
            return await self._renew(place, known, now, watched=watched is not None)
        self._late.pop(place, None)
        return known.values

    async def _renew(
        self, place: _Place, known: _Read | None, now: datetime, *, watched: bool
    ) -> Values | None:
        try:
            found = await self._ask(place, now)
        except ApiError as error:
            if known is None or not error.is_worth_retrying:
                raise
            return known.values
        if found is not None and not watched:
            self._fresh.add(place)
        return self._keep(place, found)

    async def _ask(self, place: _Place, now: datetime) -> Object | None:
        before = self._late.pop(place, None)
        try:
            return await self._applier.read(SECRET, *place)
        except ApiError as error:
            if error.is_worth_retrying:
                self._late[place] = Late(before.since if before else now, error)
            raise

    def _keep(self, place: _Place, found: Object | None) -> Values | None:
        if found is None:
            self._drop(place)
            return None
        values = decode_bytes(found)
        self._known[place] = _Read(values, digest(found))
        return values

    def _drop(self, place: _Place) -> None:
        self._known.pop(place, None)
        self._fresh.discard(place)
        self._late.pop(place, None)

    def _remember(self, key: Key, names: frozenset[str]) -> None:
        before = self._named.get(key, frozenset())
        self._named[key] = names
        for name in before - names:
            place = _Place(key.namespace, name)
            self._readers[place].discard(key)
            if not self._readers[place]:
                del self._readers[place]
                self._drop(place)
        for name in names - before:
            self._readers[_Place(key.namespace, name)].add(key)
