"""Entries are found by their words."""

from typing import Any

import asyncpg

from tests.service.world import Desk, Site, execute, expect, expect_problem

ESSAY = {
    "name": "essay",
    "displayName": "Essay",
    "fields": [{"name": "title", "kind": "text"}, {"name": "body", "kind": "json"}],
}


async def found(desk: Desk, words: str, **more: str) -> list[str]:
    answer = await desk.client.get(f"{desk.root}/search", params={"q": words, **more})
    return [item["entry"]["fields"]["title"] for item in expect(answer, 200)["items"]]


async def essay(desk: Desk, title: str, **fields: Any) -> Any:
    url = f"{desk.root}/content-types/essay/entries"
    body = {"fields": {"title": title, **fields}}
    return expect(await desk.client.post(url, json=body), 201)


async def test_drafts_are_found_by_words_phrases_and_what_is_left_out(
    acme: Desk, globex: Desk
) -> None:
    for desk in (acme, globex):
        await desk.make_type()
        expect(await desk.client.post(f"{desk.root}/content-types", json=ESSAY), 201)
    await acme.draft(title="The quick brown fox")
    await acme.draft(title="A fox, a fox: quick")
    await essay(acme, "Deep", body={"blocks": [{"text": ["the brown bear"]}], "n": 7})
    await essay(globex, "The fox of another tenant")

    assert await found(acme, "fox") == ["A fox, a fox: quick", "The quick brown fox"]
    assert await found(acme, '"brown fox"') == ["The quick brown fox"]
    assert await found(acme, "brown -fox") == ["Deep"]
    assert sorted(await found(acme, "bear or quick"))[1:] == ["Deep", "The quick brown fox"]
    assert await found(acme, "brown", type="essay") == ["Deep"]
    assert len(await found(acme, "fox", limit="1")) == 1
    assert await found(acme, "foxes") == []
    assert await found(acme, "-fox") == ["Deep"]
    for nothing in ("!!!", "-", "'&|()", "tenant:x", "\ud7ff"):
        assert await found(acme, nothing) == [], nothing


async def test_a_draft_that_changes_is_found_by_its_new_words(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="before")
    url = f"{acme.entries}/{entry['id']}"
    expect(await acme.client.patch(url, json={"fields": {"title": "after"}}), 200)
    assert await found(acme, "before") == []
    assert await found(acme, "after") == ["after"]
    expect(await acme.client.delete(url), 204)
    assert await found(acme, "after") == []


async def test_words_are_compared_in_the_language_of_the_tenant(acme: Desk) -> None:
    await acme.make_type()
    await acme.draft(title="two foxes before")
    change = {"searchLanguage": "english"}
    tenant = expect(await acme.client.patch(acme.root, json=change), 200)
    assert tenant["searchLanguage"] == "english"
    await acme.draft(title="many foxes after")
    assert await found(acme, "fox") == ["many foxes after"]
    assert sorted(await found(acme, "foxes")) == ["many foxes after", "two foxes before"]
    assert await found(acme, "the") == []
    wrong = {"searchLanguage": "klingon"}
    expect_problem(await acme.client.patch(acme.root, json=wrong), 422)


async def test_a_search_is_bounded_and_says_what_is_wrong(acme: Desk) -> None:
    await acme.make_type()
    long = "".join(chr(0x4E00 + n % 20_000) + " " for n in range(50_000))
    expect(await acme.client.post(f"{acme.root}/content-types", json=ESSAY), 201)
    await essay(acme, "Long", body=long[:20_000])
    for wrong in ({}, {"q": ""}, {"q": "x" * 501}, {"q": "x", "limit": "101"}):
        answer = await acme.client.get(f"{acme.root}/search", params=wrong)
        expect_problem(answer, 422)
    for wrong_query in ("q=x&fuzzy=1", "q=a%00b"):
        expect_problem(await acme.client.get(f"{acme.root}/search?{wrong_query}"), 400)


async def test_a_search_asks_the_index(site: Site, acme: Desk) -> None:
    """It can be asked with the rights of the functions' owner; otherwise row-level security
    would allow nothing but to read all.
    """
    await acme.make_type()
    await execute(
        site.postgres,
        site.database,
        """INSERT INTO cms.entries (tenant_id, id, content_type_id, fields)
           SELECT t.tenant_id, gen_random_uuid(), t.id, jsonb_build_object('title', 'word' || n)
           FROM cms.content_types t, generate_series(1, 3000) n""",
        "ANALYZE cms.entry_words",
    )
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    await connection.execute("SET ROLE cms_owner; SET enable_seqscan = off")
    plan = await connection.fetch(
        "EXPLAIN SELECT entry_id FROM cms.entry_words d WHERE d.words @@ 'word7'::tsquery"
    )
    await connection.close()
    assert "entry_words_words" in str(plan)
    assert await found(acme, "word7") == ["word7"]
