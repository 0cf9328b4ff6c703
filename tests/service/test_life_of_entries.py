"""The life of entries, under several users of two tenants at once, as a model of it says."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, multiple, rule

from tests.service.machines import Stage, run_machine, stage
from tests.service.world import ARTICLE, Pod, Site, execute, expect

NEVER = "2999-01-01T00:00:00Z"
SLUGS = ("a", "b", "c")

Fields = dict[str, Any]


@dataclass(frozen=True)
class Person:
    tenant: str
    role: str
    token: str

    @property
    def root(self) -> str:
        return f"/v1/tenants/{self.tenant}"


@dataclass(frozen=True)
class Plan:
    planner: Person
    failed: bool = False


@dataclass(eq=False)
class Known:
    """An entry as it has to be."""

    id: str
    author: Person
    fields: Fields
    version: int = 1
    versions: dict[int, Fields] = field(default_factory=dict)
    published: tuple[int, Fields] | None = None
    plans: dict[str, Plan] = field(default_factory=dict)
    where: str = "desk"
    """Or in the bin, or gone."""

    @property
    def tenant(self) -> str:
        return self.author.tenant

    def save(self, fields: Fields) -> None:
        self.version += 1
        self.fields = fields
        self.versions[self.version] = fields

    def bin(self) -> None:
        self.where, self.published, self.plans = "bin", None, {}


async def people(pod: Pod) -> list[Person]:
    """The owner first, then others of the same tenant, then the owner of another one."""
    acme, globex = await pod.log_in("acme"), await pod.log_in("globex")
    found = [Person("acme", "owner", acme.tokens["accessToken"])]
    for role in ("editor", "author", "viewer"):
        desk = await pod.log_in("acme", await acme.hire(role))
        found.append(Person("acme", role, desk.tokens["accessToken"]))
    return [*found, Person("globex", "owner", globex.tokens["accessToken"])]


PEOPLE = st.integers(0, 4)
PODS = st.integers(0, 1)
# Whether the writer says what it has seen, and whether that is still so.
SEEN = st.sampled_from(["nothing", "the newest", "an older one"])
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["Hello", "Again", None]),
        "slug": st.sampled_from([*SLUGS, None]),
        "views": st.sampled_from([0, 7, None]),
    },
)


class Entries(RuleBasedStateMachine):
    known = Bundle("known")
    names = itertools.count()

    def __init__(self, on: Stage, everybody: list[Person]) -> None:
        super().__init__()
        self._stage = on
        self._people = everybody
        self._type = f"article-{next(self.names)}"
        self._all: list[Known] = []
        self._generation = dict.fromkeys(("acme", "globex"), "0")
        for owner in (everybody[0], everybody[-1]):
            body = ARTICLE | {"name": self._type}
            expect(self._ask(0, owner, "POST", "", json=body, base="content-types"), 201)

    # What is asked, and what the model says of it.

    def _ask(
        self,
        pod: int,
        who: Person,
        method: str,
        path: str,
        *,
        base: str = "",
        **request: Any,
    ) -> httpx.Response:
        url = f"{who.root}/{base or f'content-types/{self._type}/'}{path}"
        answer = self._stage.request(pod, who.token, method, url, **request)
        if (generation := answer.headers.get("x-hcms-generation")) is not None:
            self._generation[who.tenant] = generation
        return answer

    def _desk(self, tenant: str) -> list[Known]:
        return [each for each in self._all if each.tenant == tenant and each.where == "desk"]

    def _refusal(self, who: Person, entry: Known, *, where: str = "desk") -> int | None:
        """The status that refuses any change of the entry; None where it is allowed."""
        if who.role == "viewer":
            return 403
        if who.tenant != entry.tenant or entry.where != where:
            return 404
        return 403 if who.role == "author" and entry.author is not who else None

    def _slug_taken(self, entry: Known | None, tenant: str, fields: Fields) -> bool:
        slug = fields.get("slug")
        others = (each.fields.get("slug") for each in self._desk(tenant) if each is not entry)
        return slug is not None and slug in others

    def _publication(self, entry: Known) -> int:
        if entry.fields.get("title") is None or entry.fields.get("slug") is None:
            return 422
        others = [each for each in self._desk(entry.tenant) if each is not entry and each.published]
        taken = {each.published[1]["slug"] for each in others if each.published}
        if entry.fields["slug"] in taken:
            return 409
        entry.published = (entry.version, entry.fields)
        return 200

    def _do(self, who: Person, entry: Known, action: str) -> int:
        """The status, and the model changed as the service has to be."""
        if (refused := self._refusal(who, entry)) is not None:
            return refused
        if action == "publish":
            return self._publication(entry)
        if action == "unpublish":
            entry.published = None
            return 200
        entry.bin()
        return 204

    @staticmethod
    def _if_match(entry: Known, seen: str) -> Mapping[str, str]:
        version = {"the newest": entry.version, "an older one": entry.version - 1}.get(seen)
        return {} if version is None else {"If-Match": f'"{version}"'}

    # What people do.

    @rule(target=known, pod=PODS, who=PEOPLE, fields=CHANGES)
    def create(self, pod: int, who: int, fields: Fields) -> Any:
        person = self._people[who]
        given = {name: value for name, value in fields.items() if value is not None}
        answer = self._ask(pod, person, "POST", "entries", json={"fields": fields})
        if person.role == "viewer":
            expect(answer, 403)
        elif self._slug_taken(None, person.tenant, given):
            expect(answer, 409)
        else:
            entry = Known(expect(answer, 201)["id"], person, given, versions={1: given})
            self._all.append(entry)
            return entry
        return multiple()

    @rule(pod=PODS, who=PEOPLE, entry=known, changes=CHANGES, seen=SEEN, whole=st.booleans())
    def change(  # noqa: PLR0913 - all that a request says
        self,
        pod: int,
        who: int,
        entry: Known,
        changes: Fields,
        seen: str,
        *,
        whole: bool,
    ) -> None:
        person, headers = self._people[who], self._if_match(entry, seen)
        merged = {**({} if whole else entry.fields), **changes}
        wanted = {name: value for name, value in merged.items() if value is not None}
        method, path = "PUT" if whole else "PATCH", f"entries/{entry.id}"
        body = {"fields": changes}
        answer = self._ask(pod, person, method, path, json=body, headers=headers)
        if (refused := self._refusal(person, entry)) is not None:
            expect(answer, refused)
        elif seen == "an older one":
            expect(answer, 412)
        elif self._slug_taken(entry, entry.tenant, wanted):
            expect(answer, 409)
        else:
            entry.save(wanted)
            assert expect(answer, 200)["fields"] == wanted

    @rule(
        pod=PODS,
        who=PEOPLE,
        entry=known,
        action=st.sampled_from(["publish", "publish", "unpublish", "delete"]),
        seen=SEEN,
        again=st.booleans(),
    )
    def act(  # noqa: PLR0913 - all that a request says
        self,
        pod: int,
        who: int,
        entry: Known,
        action: str,
        seen: str,
        *,
        again: bool,
    ) -> None:
        """Do it to an entry. With `again`, the client did not get the answer and sends the same
        once more.
        """
        person, headers = self._people[who], dict(self._if_match(entry, seen))
        if again:
            headers["Idempotency-Key"] = str(uuid4())
        method, path = ("DELETE", "") if action == "delete" else ("POST", f"/{action}")
        url = f"entries/{entry.id}{path}"
        answer = self._ask(pod, person, method, url, headers=headers)
        refused = self._refusal(person, entry)
        if refused is None and seen == "an older one":
            refused = 412
        status = self._do(person, entry, action) if refused is None else refused
        expect(answer, status)
        if again and answer.is_success:
            repeated = self._ask(1 - pod, person, method, url, headers=headers)
            assert (repeated.status_code, repeated.content) == (status, answer.content)

    @rule(
        pod=PODS,
        who=PEOPLE,
        entries=st.lists(known, min_size=1, max_size=4, unique_by=id),
        action=st.sampled_from(["publish", "unpublish", "delete"]),
        atomic=st.booleans(),
        named=st.booleans(),
    )
    def act_on_many(  # noqa: PLR0913 - all that a request says
        self,
        pod: int,
        who: int,
        entries: list[Known],
        action: str,
        *,
        atomic: bool,
        named: bool,
    ) -> None:
        person = self._people[who]
        body = {"items": [{"id": entry.id} for entry in entries], "atomic": atomic}
        headers = {"Idempotency-Key": str(uuid4())} if named else {}
        answer = self._ask(pod, person, "POST", f"bulk/{action}", json=body, headers=headers)
        if person.role == "viewer":
            expect(answer, 403)
            return
        before = [(entry.where, entry.published, dict(entry.plans)) for entry in entries]
        statuses = []
        for entry in entries:
            statuses.append(self._do(person, entry, action))
            if atomic and statuses[-1] >= 400:
                for each, (where, published, plans) in zip(entries, before, strict=True):
                    each.where, each.published, each.plans = where, published, plans
                expect(answer, statuses[-1])
                return
        outcomes = expect(answer, 200)["items"]
        assert [outcome["status"] for outcome in outcomes] == statuses

    @rule(pod=PODS, who=PEOPLE, entry=known, seen=SEEN, back=st.integers(0, 5))
    def restore_version(self, pod: int, who: int, entry: Known, seen: str, back: int) -> None:
        person, version = self._people[who], entry.version - back
        headers = self._if_match(entry, seen)
        path = f"entries/{entry.id}/versions/{version}/restore"
        answer = self._ask(pod, person, "POST", path, headers=headers)
        if version < 1:
            expect(answer, 403 if person.role == "viewer" else 422)
            return
        refused = self._refusal(person, entry)
        if person.role == "author" and refused == 403 and version not in entry.versions:
            refused = 404
        if refused is not None:
            expect(answer, refused)
        elif version not in entry.versions:
            expect(answer, 404)
        elif seen == "an older one":
            expect(answer, 412)
        elif self._slug_taken(entry, entry.tenant, entry.versions[version]):
            expect(answer, 409)
        else:
            entry.save(entry.versions[version])
            assert expect(answer, 200)["version"] == entry.version

    @rule(pod=PODS, who=PEOPLE, entry=known)
    def take_out_of_the_bin(self, pod: int, who: int, entry: Known) -> None:
        person = self._people[who]
        answer = self._ask(pod, person, "POST", f"bin/{entry.id}/restore")
        if (refused := self._refusal(person, entry, where="bin")) is not None:
            expect(answer, refused)
        elif self._slug_taken(entry, entry.tenant, entry.fields):
            expect(answer, 409)
        else:
            entry.where = "desk"
            entry.save(entry.fields)
            assert expect(answer, 200)["published"] is None

    @rule(pod=PODS, who=PEOPLE, entry=consumes(known))
    def purge(self, pod: int, who: int, entry: Known) -> Any:
        person = self._people[who]
        answer = self._ask(pod, person, "DELETE", f"bin/{entry.id}")
        if person.role != "owner":
            expect(answer, 403)
        elif person.tenant != entry.tenant or entry.where != "bin":
            expect(answer, 404)
        else:
            expect(answer, 204)
            entry.where = "gone"

    @rule(
        pod=PODS,
        who=PEOPLE,
        entry=known,
        actions=st.lists(st.sampled_from(["publish", "unpublish"]), max_size=2, unique=True),
    )
    def plan(self, pod: int, who: int, entry: Known, actions: list[str]) -> None:
        person, path = self._people[who], f"entries/{entry.id}/schedule"
        if actions:
            # In this order, should both be wanted.
            times = {"publish": "2999-01-01T00:00:00Z", "unpublish": "2999-02-01T00:00:00Z"}
            body = {f"{action}At": times[action] for action in actions}
            answer = self._ask(pod, person, "PUT", path, json=body)
        else:
            answer = self._ask(pod, person, "DELETE", path)
        if (refused := self._refusal(person, entry)) is not None:
            expect(answer, refused)
        else:
            expect(answer, 200 if actions else 204)
            entry.plans = {action: Plan(person) for action in actions}

    @rule(pod=PODS, entry=known)
    def its_time_has_come(self, pod: int, entry: Known) -> None:
        """The time comes on both pods at once; what is planned first comes first."""
        self._stage.run(self._let_its_time_come(pod, entry))
        for action in ("publish", "unpublish"):
            plan = entry.plans.get(action)
            if plan is not None and not plan.failed:
                if self._do(plan.planner, entry, action) == 200:
                    del entry.plans[action]
                else:
                    entry.plans[action] = Plan(plan.planner, failed=True)

    async def _let_its_time_come(self, pod: int, entry: Known) -> None:
        site = self._stage.site
        await execute(
            site.postgres,
            site.database,
            f"""UPDATE cms.entry_schedules SET due_at = due_at - interval '1000 years'
                WHERE entry_id = '{entry.id}' AND due_at > now()""",  # noqa: S608 - an id of its own making
        )
        for number in (pod, 1 - pod):
            await self._stage.pods[number].cms.background.run_once()
        tenant = f"SELECT generation FROM cms.tenants WHERE name = '{entry.tenant}'"  # noqa: S608 - a name of the tests
        self._generation[entry.tenant] = str((await site.fetch(tenant))[0][0])

    # What there is to see.

    @rule(pod=PODS, who=PEOPLE, entry=known)
    def look(self, pod: int, who: int, entry: Known) -> None:
        person, path = self._people[who], f"entries/{entry.id}"
        answer = self._ask(pod, person, "GET", path)
        if person.tenant != entry.tenant or entry.where != "desk":
            expect(answer, 404)
            expect(self._ask(pod, person, "GET", f"{path}/versions"), 404)
            return
        found = expect(answer, 200)
        published = None if found["published"] is None else found["published"]["version"]
        assert (found["version"], found["fields"], found["slug"], published) == (
            entry.version,
            entry.fields,
            entry.fields.get("slug"),
            entry.published[0] if entry.published else None,
        )
        versions = expect(self._ask(pod, person, "GET", f"{path}/versions?limit=100"), 200)
        assert [each["version"] for each in versions["items"]] == sorted(entry.versions)[::-1]
        for version in (min(entry.versions), max(entry.versions)):
            one = expect(self._ask(pod, person, "GET", f"{path}/versions/{version}"), 200)
            assert one["fields"] == entry.versions[version]
        plans = expect(self._ask(pod, person, "GET", f"{path}/schedule"), 200)["actions"]
        assert {each["action"]: each["failedAt"] is not None for each in plans} == {
            action: plan.failed for action, plan in entry.plans.items()
        }

    @rule(pod=PODS, who=PEOPLE, entry=known)
    def read(self, pod: int, who: int, entry: Known) -> None:
        """The world sees all writes that were answered."""
        person = self._people[who]
        answer = self._read(pod, person, f"/{entry.id}")
        if person.tenant != entry.tenant or entry.published is None:
            expect(answer, 404)
        else:
            found = expect(answer, 200)
            assert (found["version"], found["fields"]) == entry.published
            by_slug = self._read(1 - pod, person, f"/{entry.published[1]['slug']}")
            assert by_slug.json() == found

    def _read(self, pod: int, who: Person, path: str) -> httpx.Response:
        url = f"/v1/delivery/{who.tenant}/{self._type}{path}"
        headers = {"X-HCMS-Generation": self._generation[who.tenant]}
        return self._stage.request(pod, who.token, "GET", url, headers=headers)

    def teardown(self) -> None:
        """Nothing is missing, nothing is there twice, nothing is there besides."""
        for pod, owner in enumerate((self._people[0], self._people[-1])):
            mine = [each for each in self._all if each.tenant == owner.tenant]
            for path, where in (("entries", "desk"), ("bin", "bin")):
                listed = expect(self._ask(pod, owner, "GET", f"{path}?limit=100"), 200)["items"]
                assert sorted(each["id"] for each in listed) == sorted(
                    each.id for each in mine if each.where == where
                )
            delivered = expect(self._read(pod, owner, "?limit=100"), 200)["items"]
            assert sorted(each["id"] for each in delivered) == sorted(
                each.id for each in mine if each.published
            )


def test_entries_live_as_the_model_says(site: Site) -> None:
    with stage(site) as on:
        everybody = on.run(people(on.pods[0]))
        run_machine(lambda: Entries(on, everybody), examples=20, steps=25)
