"""What is published and taken back by itself: once, however many pods there are."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cms_service.schedules.repository import Due, ScheduleRepository
from tests.service.processes import ServeProcess
from tests.service.test_api_keys import holder, make_key
from tests.service.test_content import held, until_waiting
from tests.service.test_people import hired
from tests.service.waiting import COSTLY, eventually
from tests.service.world import Desk, Pod, Site, execute, expect, expect_problem

_PLANNER_GONE = "The user or key that scheduled this no longer exists or has no rights"
_LATER, _MUCH_LATER = "2999-01-01T00:00:00Z", "2999-02-01T00:00:00Z"


def schedule_of(desk: Desk, entry: dict[str, Any]) -> str:
    return f"{desk.entries}/{entry['id']}/schedule"


async def schedule(desk: Desk, entry: dict[str, Any], **times: str) -> Any:
    return expect(await desk.client.put(schedule_of(desk, entry), json=times), 200)["actions"]


async def time_has_come(site: Site) -> None:
    """Make all due, in the order in which it was planned."""
    past = "UPDATE cms.entry_schedules SET due_at = due_at - interval '1000 years'"
    await execute(site.postgres, site.database, past)


async def test_an_entry_appears_and_goes_when_it_is_to(site: Site, pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello", slug="hello")
    (planned,) = await schedule(acme, entry, publishAt=_LATER)
    assert (planned["action"], planned["at"], planned["failure"]) == ("publish", _LATER, None)
    await pod.cms.background.run_once()
    expect_problem(await acme.client.get(f"{acme.delivery}/hello"), 404)

    await time_has_come(site)
    await pod.cms.background.run_once()
    async with site.pod() as other:
        desk = Desk(other.client(acme.tokens["accessToken"]), "acme")
        expect(await desk.client.get(f"{acme.delivery}/hello"), 200)
    assert expect(await acme.client.get(schedule_of(acme, entry)), 200)["actions"] == []
    log = expect(await acme.client.get(f"{acme.root}/audit-log?objectId={entry['id']}"), 200)
    note = log["items"][0]
    assert (note["action"], note["actor"]) == ("published", entry["createdBy"])
    assert note["details"]["scheduledFor"].startswith("1999-01-01")

    await schedule(acme, entry, unpublishAt=_LATER)
    await time_has_come(site)
    await pod.cms.background.run_once()
    found = expect(await acme.client.get(f"{acme.entries}/{entry['id']}"), 200)
    assert found["published"] is None


async def test_a_plan_takes_the_place_of_all_that_was_planned(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello", slug="hello")
    await schedule(acme, entry, publishAt=_LATER, unpublishAt=_MUCH_LATER)
    await schedule(acme, entry, unpublishAt=_LATER)
    (left,) = expect(await acme.client.get(schedule_of(acme, entry)), 200)["actions"]
    assert (left["action"], left["at"]) == ("unpublish", _LATER)


async def test_after_a_long_pause_things_happen_in_their_order(
    site: Site, pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello", slug="hello")
    await schedule(acme, entry, publishAt=_LATER, unpublishAt=_MUCH_LATER)
    await time_has_come(site)
    for _ in range(2):
        await pod.cms.background.run_once()
    log = expect(await acme.client.get(f"{acme.root}/audit-log?objectId={entry['id']}"), 200)
    assert [note["action"] for note in log["items"]][:2] == ["unpublished", "published"]


async def test_what_cannot_be_published_by_then_says_why_and_is_left(
    site: Site, pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    entry = await acme.draft(title="No slug")
    await schedule(acme, entry, publishAt=_LATER)
    await time_has_come(site)
    for _ in range(2):
        await pod.cms.background.run_once()
    (action,) = expect(await acme.client.get(schedule_of(acme, entry)), 200)["actions"]
    assert action["failedAt"]
    assert action["failure"].endswith("/fields/slug is required")
    log = expect(await acme.client.get(f"{acme.root}/audit-log?action=publish-failed"), 200)
    assert [note["objectId"] for note in log["items"]] == [entry["id"]]

    (again,) = await schedule(acme, entry, publishAt=_LATER)
    assert again["failure"] is None


async def failure_of(desk: Desk, entry: dict[str, Any]) -> str:
    (action,) = expect(await desk.client.get(schedule_of(desk, entry)), 200)["actions"]
    return str(action["failure"])


async def test_what_is_planned_is_done_with_the_rights_that_the_planner_has_by_then(
    site: Site, pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    editor, url = await hired(pod, acme, "editor")
    entry = await editor.draft(title="Hello", slug="hello")
    refusals = {
        '{"role": "viewer"}': "The role viewer lacks the permission entries:publish",
        '{"active": false}': _PLANNER_GONE,
    }
    for change, refusal in refusals.items():
        expect(await acme.client.patch(url, json={"role": "editor"}), 200)
        await schedule(editor, entry, publishAt=_LATER)
        expect(await acme.client.patch(url, json=json.loads(change)), 200)
        await time_has_come(site)
        await pod.cms.background.run_once()
        assert (await failure_of(acme, entry)).startswith(refusal)
        expect_problem(await acme.client.get(f"{acme.delivery}/hello"), 404)

    expect(await acme.client.patch(url, json={"active": True, "role": "editor"}), 200)
    await schedule(editor, entry, publishAt=_LATER)
    expect(await acme.client.delete(url), 204)
    await time_has_come(site)
    await pod.cms.background.run_once()
    assert (await failure_of(acme, entry)).startswith(_PLANNER_GONE)
    reader, _ = await hired(pod, acme, "viewer")
    assert await failure_of(reader, entry) == "None", "reasons are for those who may publish"


async def test_an_api_key_plans_as_long_as_it_is_good(site: Site, pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    key = await make_key(acme, role="editor")
    program = Desk(holder(pod, key["key"]), "acme")
    first, second, third = [await program.draft(title=slug, slug=slug) for slug in ("a", "b", "c")]
    (planned,) = await schedule(program, first, publishAt=_LATER)
    assert planned["createdBy"] is None
    await time_has_come(site)
    await pod.cms.background.run_once()
    expect(await acme.client.get(f"{acme.delivery}/a"), 200)
    log = expect(await acme.client.get(f"{acme.root}/audit-log?action=published"), 200)
    assert [(note["actor"], note["actorKind"]) for note in log["items"]] == [(key["id"], "api-key")]

    await schedule(program, second, publishAt=_LATER)
    expect(await acme.client.delete(f"{acme.root}/api-keys/{key['id']}"), 204)
    await time_has_come(site)
    await pod.cms.background.run_once()
    assert (await failure_of(acme, second)).startswith(_PLANNER_GONE)

    expiring = await make_key(acme, role="editor", expiresAt=_LATER)
    await schedule(Desk(holder(pod, expiring["key"]), "acme"), third, publishAt=_LATER)
    await execute(site.postgres, site.database, "UPDATE cms.api_keys SET expires_at = now()")
    await time_has_come(site)
    await pod.cms.background.run_once()
    assert (await failure_of(acme, third)).startswith(_PLANNER_GONE)


async def test_a_plan_can_be_changed_and_dropped(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello")
    await schedule(acme, entry, publishAt=_LATER, unpublishAt=_MUCH_LATER)
    (left,) = await schedule(acme, entry, unpublishAt=_LATER)
    assert (left["action"], left["at"]) == ("unpublish", _LATER)
    expect(await acme.client.delete(schedule_of(acme, entry)), 204)
    assert expect(await acme.client.get(schedule_of(acme, entry)), 200)["actions"] == []
    for wrong in (
        {},
        {"publishAt": "2000-01-01T00:00:00Z"},
        {"publishAt": "2999-01-01T00:00:00"},
        {"publishAt": _MUCH_LATER, "unpublishAt": _LATER},
        {"publishOn": _LATER},
    ):
        expect_problem(await acme.client.put(schedule_of(acme, entry), json=wrong), 422)
    nothing = f"{acme.entries}/01890000-0000-7000-8000-000000000000/schedule"
    expect_problem(await acme.client.put(nothing, json={"publishAt": _LATER}), 404)


async def test_a_plan_that_is_put_off_when_a_pod_has_found_it_waits_for_its_new_time(
    site: Site, pod: Pod, acme: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello", slug="hello")
    await schedule(acme, entry, publishAt=_LATER)
    await time_has_come(site)
    look = ScheduleRepository.due

    async def put_off(repository: ScheduleRepository, *asked: Any) -> list[Due]:
        if found := await look(repository, *asked):
            await schedule(acme, entry, publishAt=_MUCH_LATER)
        return found

    monkeypatch.setattr(ScheduleRepository, "due", put_off)
    await pod.cms.background.run_once()
    expect_problem(await acme.client.get(f"{acme.delivery}/hello"), 404)
    (left,) = expect(await acme.client.get(schedule_of(acme, entry)), 200)["actions"]
    assert (left["at"], left["failure"]) == (_MUCH_LATER, None)


async def test_a_plan_that_is_made_anew_while_the_former_one_fails_is_not_told_to_have_failed(
    site: Site, pod: Pod, acme: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acme.make_type()
    entry = await acme.draft(title="No slug")
    await schedule(acme, entry, publishAt=_LATER)
    await time_has_come(site)
    fail = ScheduleRepository.fail

    async def made_anew(repository: ScheduleRepository, *told: Any) -> None:
        await schedule(acme, entry, publishAt=_MUCH_LATER)
        await fail(repository, *told)

    monkeypatch.setattr(ScheduleRepository, "fail", made_anew)
    await pod.cms.background.run_once()
    (left,) = expect(await acme.client.get(schedule_of(acme, entry)), 200)["actions"]
    assert (left["at"], left["failure"]) == (_MUCH_LATER, None)


async def test_three_pods_publish_each_entry_once_though_one_is_killed_in_the_middle(
    site: Site, acme: Desk, globex: Desk, tmp_path: Path
) -> None:
    for desk in (acme, globex):
        await desk.make_type()
    environment = site.environment(SCHEDULE_INTERVAL_SECONDS="0.1")
    with ExitStack() as stack:
        pods = [
            stack.enter_context(ServeProcess(environment, tmp_path / f"log{number}"))
            for number in range(3)
        ]
        for pod in pods:
            pod.wait_until_ready()
        # Each pod has begun one and waits, with nothing of it committed.
        async with held(site, "SELECT FROM cms.tenants FOR UPDATE"):
            await execute(site.postgres, site.database, *_PLANNED)
            await until_waiting(site, 3)
            pods[0].kill()
            pods[0].wait()
        plans = "SELECT FROM cms.entry_schedules LIMIT 1"
        await eventually(
            lambda: site.fetch(plans), lambda rows: not rows, "no plan is left", 60, pause=COSTLY
        )
        assert all(pod.is_running() for pod in pods[1:])
    (counted,) = await site.fetch(
        """SELECT count(*) AS published, count(DISTINCT object_id) AS entries,
                  (SELECT count(*) FROM cms.published_entries) AS delivered
           FROM cms.audit_log WHERE action = 'published'""",
    )
    assert tuple(counted) == (300, 300, 300)


_PLANNED = (
    """INSERT INTO cms.entries (tenant_id, id, content_type_id, slug, fields)
       SELECT t.tenant_id, gen_random_uuid(), t.id, 's' || n,
              jsonb_build_object('title', 'Planned', 'slug', 's' || n)
       FROM cms.content_types t, generate_series(1, 150) n""",
    """INSERT INTO cms.entry_schedules (tenant_id, entry_id, action, due_at, planner_id,
                                        planner_kind)
       SELECT e.tenant_id, e.id, 'publish', now(), u.id, 'user'
       FROM cms.entries e JOIN cms.users u ON u.tenant_id = e.tenant_id""",
)


async def test_a_bin_is_emptied_when_its_time_is_over(site: Site, pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    old, new = [await acme.draft(title=title) for title in ("old", "new")]
    for entry in (old, new):
        expect(await acme.client.delete(f"{acme.entries}/{entry['id']}"), 204)
    await execute(
        site.postgres,
        site.database,
        "UPDATE cms.binned_entries SET deleted_at = now() - interval '31 days'"
        " WHERE fields->>'title' = 'old'",
    )
    await pod.cms.background.run_once()
    left = await site.fetch("SELECT id FROM cms.binned_entries")
    assert [str(row["id"]) for row in left] == [new["id"]]
    versions = await site.fetch("SELECT DISTINCT entry_id FROM cms.entry_versions")
    assert [str(row["entry_id"]) for row in versions] == [new["id"]]
    log = expect(await acme.client.get(f"{acme.root}/audit-log?action=purged"), 200)
    assert [(note["objectId"], note["actor"]) for note in log["items"]] == [(old["id"], None)]
