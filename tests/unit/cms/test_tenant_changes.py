"""Nothing that has changed is missed, in whatever order transactions end and answers come."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cms_service.core.errors import Unavailable
from cms_service.core.postgres import transaction as core_transaction
from cms_service.tenants import changes
from cms_service.tenants.changes import Changes
from cms_service.tenants.directory import FRESH_SECONDS, Found, TenantDirectory
from cms_service.tenants.known import key_of
from cms_service.tenants.schemas import DeliveryAccess, TenantState

NAMES = ("acme", "globex", "initech", "umbrella")
MOST = 2  # changes that one answer tells

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Row:
    id: UUID
    generation: int
    access_generation: int
    changed_in: int

    def state(self, name: str) -> TenantState:
        generations = (self.generation, self.access_generation, 0)
        return TenantState(self.id, name, DeliveryAccess.PUBLIC, *generations)


@dataclass(frozen=True)
class Snapshot:
    rows: dict[str, Row]
    history: str
    oldest_running: int
    next_number: int


@dataclass
class Transaction:
    number: int
    written: dict[str, Row | None] = field(default_factory=dict)
    has_deleted: bool = False


@dataclass
class Question:
    asked_at: float
    answer: Callable[[Snapshot], Any]
    outcome: asyncio.Future[Any]
    seen: Snapshot | None = None


class Database:
    """What PostgreSQL does: numbers are given in order, and transactions end in any; a row that one
    of them has written waits for its end; a crash gives numbers away again that it has undone.
    """

    def __init__(self) -> None:
        self.now = 100.0
        self.rows: dict[str, Row] = {}
        self.log: list[tuple[float, dict[str, Row]]] = [(0.0, {})]
        self.running: list[Transaction] = []
        self.questions: list[Question] = []
        self.asked: list[str] = []
        self._crashes = 0
        self._last_deletion = 0
        self._next_number = 10
        self._generation = 0

    async def states(self, names: list[str]) -> Found:
        def answer(seen: Snapshot) -> Found:
            states = {name: seen.rows[name].state(name) for name in names if name in seen.rows}
            return Found(seen.history, states)

        self.asked.append(" ".join(names))
        return await self._ask(answer)

    async def changes(self, since: str | None) -> Changes:
        def answer(seen: Snapshot) -> Changes:
            changed = [
                (key_of(row.id), str(row.changed_in))
                for row in seen.rows.values()
                if since is not None and int(since) <= row.changed_in < seen.next_number
            ]
            return Changes(seen.history, str(seen.oldest_running), dict(changed[: MOST + 1]))

        self.asked.append("changes")
        return await self._ask(answer)

    def begin(self) -> Transaction:
        transaction = Transaction(self._next_number)
        self._next_number += 1
        self.running.append(transaction)
        return transaction

    def write(
        self, transaction: Transaction, name: str, *, delete: bool = False, access: bool = False
    ) -> None:
        if any(name in other.written for other in self.running if other is not transaction):
            return
        row = transaction.written.get(name, self.rows.get(name))
        self._generation += 1
        of_access = self._generation if access or row is None else row.access_generation
        new = Row(row.id if row else UUID(int=self._generation), self._generation, of_access, 0)
        transaction.written[name] = None if delete else new
        transaction.has_deleted = transaction.has_deleted or (delete and row is not None)

    def commit(self, transaction: Transaction) -> None:
        self.running.remove(transaction)
        if transaction.has_deleted:
            self._last_deletion = transaction.number
        rows = dict(self.rows)
        for name, row in transaction.written.items():
            if row is None:
                rows.pop(name, None)
            else:
                rows[name] = replace(row, changed_in=transaction.number)
        self._show(rows)

    def abort(self, transaction: Transaction) -> None:
        self.running.remove(transaction)

    def crash(self) -> None:
        self.running.clear()
        self._crashes += 1
        self._next_number = max([9, *(row.changed_in for row in self.rows.values())]) + 1
        for question in self.questions:
            question.outcome.set_exception(Unavailable("crashed"))
        self.questions.clear()

    def restore(self, versions: int) -> None:
        """Go back so many versions; its clock goes on."""
        self.crash()
        self._show(self.log[-1 - min(versions, len(self.log) - 2)][1])

    def look(self, question: Question) -> None:
        question.seen = question.seen or Snapshot(
            self.rows,
            f"{self._crashes} {self._last_deletion}",
            min([transaction.number for transaction in self.running] or [self._next_number]),
            self._next_number,
        )

    def answer(self, question: Question) -> None:
        self.look(question)
        self.questions.remove(question)
        assert question.seen is not None
        question.outcome.set_result(question.answer(question.seen))

    def shown(self, name: str, since: float) -> set[TenantState | None]:
        """What was committed at some moment from then on."""
        first = max(number for number, (at, _) in enumerate(self.log) if at < since)
        rows = [rows.get(name) for _, rows in self.log[first:]]
        return {row.state(name) if row else None for row in rows}

    def _show(self, rows: dict[str, Row]) -> None:
        self.rows = rows
        self.log.append((self.now, rows))

    async def _ask(self, answer: Callable[[Snapshot], Answer]) -> Answer:
        question = Question(self.now, answer, asyncio.get_running_loop().create_future())
        self.questions.append(question)
        answered: Answer = await question.outcome
        return answered


class World:
    def __init__(self) -> None:
        self.database = Database()
        self.directory = TenantDirectory(self.database, lambda: self.database.now, 3600)
        self.readers: list[asyncio.Task[None]] = []

    async def do(self, action: "Action") -> None:
        getattr(self, action.kind)(action)
        await settle()

    async def answer_everything(self) -> None:
        await settle()
        while self.database.questions:
            self.database.answer(self.database.questions[0])
            await settle()

    def begin(self, _: "Action") -> None:
        self.database.begin()

    def write(self, action: "Action") -> None:
        if self.database.running:
            self.database.write(action.of(self.database.running), action.name)

    def delete(self, action: "Action") -> None:
        if self.database.running:
            self.database.write(action.of(self.database.running), action.name, delete=True)

    def commit(self, action: "Action") -> None:
        if self.database.running:
            self.database.commit(action.of(self.database.running))

    def abort(self, action: "Action") -> None:
        if self.database.running:
            self.database.abort(action.of(self.database.running))

    def change(self, action: "Action") -> None:
        transaction = self.database.begin()
        self.database.write(transaction, action.name, access=action.number == 0)
        self.database.commit(transaction)

    def overtake(self, action: "Action") -> None:
        """What has been asked is answered from before this change."""
        for question in self.database.questions:
            self.database.look(question)
        self.change(action)

    def crash(self, _: "Action") -> None:
        self.database.crash()

    def restore(self, action: "Action") -> None:
        self.database.restore(action.number)

    def wait(self, action: "Action") -> None:
        self.database.now += action.seconds

    def look(self, action: "Action") -> None:
        if self.database.questions:
            self.database.look(action.of(self.database.questions))

    def answer(self, action: "Action") -> None:
        if self.database.questions:
            self.database.answer(action.of(self.database.questions))

    def read(self, action: "Action") -> None:
        self.begin_reading(action.name)

    def read_by_name(self, action: "Action") -> None:
        """Whoever was promised more than there is makes the directory ask."""
        self.begin_reading(action.name, 10**9)

    def begin_reading(self, name: str, promised: int = 0) -> None:
        self.readers.append(asyncio.ensure_future(self.check(name, promised)))

    async def check(self, name: str, promised: int) -> None:
        """Nothing older than half a second; who waits may join what was asked before."""
        oldest = min([question.asked_at for question in self.database.questions], default=1e9)
        since = min(oldest, self.database.now - FRESH_SECONDS)
        try:
            found = await self.directory.look_up(name, promised)
        except Unavailable:
            return
        assert found.stale or found.state in self.database.shown(name, since)


async def settle() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


@dataclass(frozen=True)
class Action:
    kind: str
    number: int
    name: str
    seconds: float

    def of(self, those: list[Any]) -> Any:
        return those[self.number % len(those)]


KINDS = {"answer": 6, "read": 6, "wait": 5, "change": 2, "overtake": 2, "look": 1}
KINDS |= {
    "read_by_name": 2,
    "begin": 1,
    "write": 2,
    "commit": 2,
    "delete": 1,
    "abort": 1,
    "crash": 1,
    "restore": 1,
}
ACTIONS = st.builds(
    Action,
    st.sampled_from([kind for kind, weight in KINDS.items() for _ in range(weight)]),
    st.integers(0, 3),
    st.sampled_from(NAMES[:3]),
    st.sampled_from([0.01, 0.2, 0.45]),
)


@pytest.fixture(autouse=True, scope="module")
def _few_changes() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "MAX_CHANGES", MOST)
        yield


@settings(max_examples=500, deadline=None)
@given(st.lists(ACTIONS, min_size=30, max_size=150))
def test_no_change_is_ever_missed(actions: list[Action]) -> None:
    async def run() -> None:
        world = World()
        for name in NAMES:
            world.change(Action("change", 0, name, 0))
            world.begin_reading(name)
        await world.answer_everything()
        for action in actions:
            await world.do(action)
        await world.answer_everything()
        for transaction in list(world.database.running):
            world.database.commit(transaction)
        for seconds in (2.0, 0.45, 0.01):
            world.database.now += seconds
            for name in NAMES:
                world.begin_reading(name)
            await world.answer_everything()
        await asyncio.gather(*world.readers)

    asyncio.run(run())


class Desk:
    """One directory and one database that answers at once."""

    def __init__(self) -> None:
        self.world = World()
        self.database = self.world.database

    async def commit(self, *names: str, delete: bool = False, access: bool = False) -> None:
        transaction = self.database.begin()
        for name in names:
            self.database.write(transaction, name, delete=delete, access=access)
        self.database.commit(transaction)

    async def read(self, *names: str) -> list[int]:
        """The generations, 0 for nobody's names."""
        tasks = [asyncio.ensure_future(self.world.directory.look_up(name)) for name in names]
        await self.world.answer_everything()
        states = [(await task).state for task in tasks]
        return [state.generation if state else 0 for state in states]

    async def read_later(self, *names: str) -> list[str]:
        """What is asked when the half second is over."""
        self.database.now += FRESH_SECONDS
        self.database.asked.clear()
        await self.read(*names)
        return self.database.asked


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    await desk.commit(*NAMES)
    await desk.read(*NAMES)
    return desk


async def test_one_question_makes_all_that_did_not_change_fresh_again(desk: Desk) -> None:
    for _ in range(3):
        assert await desk.read_later(*NAMES) == ["changes"]
    await desk.commit("globex")
    assert await desk.read_later(*NAMES) == ["changes", "globex"]
    assert await desk.read_later(*NAMES) == ["changes"]


async def test_a_transaction_that_began_first_and_ends_last_is_not_missed(desk: Desk) -> None:
    first, second = desk.database.begin(), desk.database.begin()
    desk.database.write(first, "acme")
    desk.database.write(second, "globex")
    desk.database.commit(second)
    assert await desk.read_later(*NAMES) == ["changes", "globex"]
    desk.database.commit(first)
    assert await desk.read_later(*NAMES) == ["changes", "acme"]


async def test_what_a_long_transaction_keeps_telling_is_asked_for_once(desk: Desk) -> None:
    desk.database.begin()
    await desk.commit("acme")
    assert await desk.read_later(*NAMES) == ["changes", "acme"]
    assert await desk.read_later(*NAMES) == ["changes"]
    await desk.commit("acme")
    assert await desk.read_later(*NAMES) == ["changes", "acme"]


async def test_a_change_during_a_question_by_name_is_not_hidden_by_its_late_answer(
    desk: Desk,
) -> None:
    await desk.commit("acme")
    await desk.read_later("globex")  # tells of it
    reader = asyncio.ensure_future(desk.world.directory.look_up("acme"))
    await settle()
    (by_name,) = desk.database.questions
    desk.database.look(by_name)
    await desk.commit("acme")
    desk.database.now += FRESH_SECONDS
    others = asyncio.ensure_future(desk.world.directory.look_up("globex"))
    await settle()
    desk.database.answer(desk.database.questions[1])
    await others
    desk.database.answer(by_name)
    before = (await reader).state
    assert before is not None
    assert await desk.read_later("acme") == ["acme"]
    assert await desk.read("acme") > [before.generation]


async def test_when_too_much_has_changed_all_are_asked_for(desk: Desk) -> None:
    await desk.commit(*NAMES[: MOST + 1])
    assert await desk.read_later(*NAMES) == ["changes", " ".join(NAMES)]
    assert await desk.read_later(*NAMES) == ["changes"]


async def test_a_tenant_that_is_made_again_under_its_name_is_another_one(desk: Desk) -> None:
    before = await desk.read("acme")
    await desk.commit("acme", delete=True)
    await desk.commit("acme")
    assert await desk.read_later("acme") == ["changes", "acme"]
    assert await desk.read("acme") > before


async def test_after_a_crash_all_are_asked_for(desk: Desk) -> None:
    """The numbers begin anew with those that it has undone: the marker was ahead of them."""
    for _ in range(5):
        desk.database.abort(desk.database.begin())
    assert await desk.read_later(*NAMES) == ["changes"]
    desk.database.crash()
    await desk.commit("acme")
    assert await desk.read_later(*NAMES) == ["changes", " ".join(NAMES)]


async def test_after_writes_were_lost_a_tenant_is_what_the_database_says(desk: Desk) -> None:
    first, *_ = await desk.read("acme")
    await desk.commit("acme", access=True)
    await desk.read_later("acme")
    desk.database.restore(1)
    await desk.read_later("acme")
    assert await desk.read("acme") == [first]
    await desk.commit("acme")
    await desk.read_later("acme")
    assert await desk.read("acme") > [first + 1]
    assert await desk.read_later("acme") == ["changes"]


async def test_a_write_of_this_pod_that_was_lost_is_asked_for_once(desk: Desk) -> None:
    directory = desk.world.directory
    await desk.commit("acme", access=True)
    (lost,) = await desk.read("globex")
    directory.note_write("acme", lost + 10)
    directory.note_access_change("acme", lost + 10)
    desk.database.restore(1)
    await desk.read_later("acme")
    desk.database.asked.clear()
    for _ in range(3):
        await desk.read("acme")
    assert desk.database.asked == []


async def test_a_write_of_this_pod_is_waited_for_from_its_commit_on(desk: Desk) -> None:
    nothing: Any = None
    transaction = core_transaction.Transaction(nothing, nothing, UUID(int=1))
    with transaction.joined():
        desk.world.directory.note_write("acme", 10**9)
        desk.world.directory.note_access_change("acme", 10**9)
    desk.database.asked.clear()
    await desk.read("acme")
    assert desk.database.asked == []
    transaction.committed()
    await desk.read("acme")
    assert set(desk.database.asked) == {"acme"}


async def test_an_answer_from_another_server_is_not_followed(desk: Desk) -> None:
    """Two take themselves for the primary: one tells the changes, the other gives names."""
    promised = 10**9
    reader = asyncio.ensure_future(desk.world.directory.look_up("acme", promised))
    for _ in range(2):  # it asks again for what it was promised
        await settle()
        (question,) = desk.database.questions
        desk.database.look(question)
        assert question.seen is not None
        question.seen = replace(question.seen, history="of another server")
        desk.database.answer(question)
    await reader
    assert await desk.read_later("acme") == ["acme"]
    assert await desk.read_later("acme") == ["changes"]
