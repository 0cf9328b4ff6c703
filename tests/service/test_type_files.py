"""`cms types` against a running service."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cms_service import cli
from cms_service.type_files import command
from tests.service.processes import ServeProcess
from tests.service.servers import Postgres, Redis
from tests.service.world import Desk, Site, expect

TYPES = """\
name: article
displayName: Article
fields:
  - {name: title, kind: text, required: true}
  - {name: slug, kind: slug}
  - {name: author, kind: reference, types: [author]}
---
name: author
displayName: Author
fields:
  - {name: name, kind: text}
  - {name: best, kind: reference, types: [article]}
"""


@pytest.fixture(scope="module")
def server(
    postgres: Postgres, redis: Redis, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServeProcess]:
    environment = Site(postgres, redis, database).environment()
    with ServeProcess(environment, tmp_path_factory.mktemp("server") / "log") as process:
        yield process.wait_until_ready()


@dataclass
class Shell:
    """Somebody's checkout with one file of types, and the command beside it."""

    file: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def write(self, text: str) -> None:
        self.file.write_text(text)

    async def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """The exit code, and what was said."""
        for name, value in environment.items():
            self.monkeypatch.setenv(name, value)
        code = await asyncio.to_thread(cli.main, ["types", *arguments])
        said = self.capsys.readouterr()
        return code, said.out + said.err

    async def diff(self) -> tuple[int, str]:
        return await self.run("diff", str(self.file))

    async def apply(self, *options: str) -> tuple[int, str]:
        return await self.run("apply", str(self.file), *options)


@pytest.fixture
async def shell(
    server: ServeProcess,
    acme: Desk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    token = tmp_path / "token"
    token.write_text(acme.tokens["accessToken"] + "\n")
    environment: Mapping[str, str] = {
        "CMS_URL": server.url,
        "CMS_TENANT": "acme",
        "CMS_TOKEN_FILE": str(token),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    shell = Shell(tmp_path / "types.yaml", monkeypatch, capsys)
    shell.write(TYPES)
    return shell


async def test_types_go_from_a_file_to_the_service_and_back(shell: Shell, acme: Desk) -> None:
    code, said = await shell.diff()
    assert (code, said) == (
        command.CHANGES,
        "+ article: new, 3 fields\n+ author: new, 2 fields\n",
    )
    assert expect(await acme.client.get(f"{acme.root}/content-types"), 200)["items"] == []
    code, said = await shell.apply("--yes")
    assert (code, said.splitlines()[2:]) == (
        command.NOTHING,
        ["article: made", "author: made", "article: given author"],
    )
    assert await shell.diff() == (command.NOTHING, "")
    assert await shell.apply("--yes") == (command.NOTHING, "Nothing to change.\n")
    code, exported = await shell.run("export")
    shell.write(exported)
    assert await shell.diff() == (command.NOTHING, "")


async def test_a_change_is_shown_and_made_once(shell: Shell, acme: Desk) -> None:
    await shell.apply("--yes")
    await acme.publish_new(title="Hello", slug="hello")
    shell.write(
        TYPES.replace(
            "name: title, kind", "name: headline, renamedFrom: title, maxLength: 80, kind"
        )
        + "  - {name: tag, kind: reference, types: [tag]}\n---\nname: tag\ndisplayName: Tag\n"
        "fields: [{name: title, kind: text}]\n"
    )
    code, said = await shell.diff()
    assert code == command.CHANGES
    assert "~ article: version 2, 1 entries" in said
    assert "    headline: narrowed (title becomes headline; maxLength: 10000 → 80)" in said
    code, said = await shell.apply("--yes")
    assert (code, "article: changed" in said, "tag: made" in said) == (0, True, True)
    assert await shell.diff() == (command.NOTHING, "")
    delivered = expect(await acme.client.get(f"{acme.delivery}/hello"), 200)
    assert delivered["fields"]["headline"] == "Hello"


async def test_what_loses_content_needs_its_plan_acknowledged(shell: Shell, acme: Desk) -> None:
    await shell.apply("--yes")
    await acme.publish_new(title="Hello", slug="hello")
    shell.write(TYPES.replace("required: true", "maxLength: 2"))
    code, said = await shell.apply("--yes")
    assert (code, "Nothing is changed" in said, "1 entries do not fit" in said) == (1, True, True)
    plan = said.partition("--acknowledge ")[2].split()[0]
    second = await acme.publish_new(title="Hello again", slug="again")
    code, said = await shell.apply("--yes", "--acknowledge", plan)
    assert (code, "Nothing is changed" in said, "2 entries do not fit" in said) == (1, True, True)
    expect(await acme.client.delete(f"{acme.entries}/{second['id']}"), 204)
    code, said = await shell.apply("--yes", "--acknowledge", plan)
    assert (code, said.splitlines()[-1]) == (command.NOTHING, "article: changed")


async def test_nobody_is_asked_where_nobody_can_answer(shell: Shell, acme: Desk) -> None:
    code, said = await shell.apply()
    assert (code, "add --yes" in said) == (command.ERROR, True)
    assert expect(await acme.client.get(f"{acme.root}/content-types"), 200)["items"] == []


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
async def test_types_are_applied_only_if_the_person_at_the_terminal_agrees(
    shell: Shell, answer: str, code: int
) -> None:
    shell.monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    shell.monkeypatch.setattr("builtins.input", lambda _question: answer)
    assert (await shell.apply())[0] == code


async def test_an_error_is_told_apart_from_a_difference(
    shell: Shell, globex: Desk, tmp_path: Path
) -> None:
    secret = globex.tokens["accessToken"]
    (tmp_path / "theirs").write_text(secret)
    for environment, sentence in (
        ({"CMS_TENANT": "globex"}, "The token is for another tenant."),
        ({"CMS_TENANT": "acme", "CMS_TOKEN_FILE": str(tmp_path / "theirs")}, "another tenant"),
        ({"CMS_TOKEN_FILE": str(tmp_path / "nothing")}, "CMS_TOKEN_FILE: cannot be read"),
        ({"CMS_TOKEN": "two"}, "exactly one of CMS_TOKEN and CMS_TOKEN_FILE"),
        ({"CMS_TOKEN_FILE": "", "CMS_TOKEN": "x\ny"}, "must be one line"),
        ({"CMS_TOKEN": "x", "CMS_URL": "ftp://x"}, "CMS_URL must be a URL"),
        ({"CMS_URL": "http://127.0.0.1:1"}, "cannot be asked"),
    ):
        code, said = await shell.run("diff", str(shell.file), **environment)
        assert (code, sentence in said) == (command.ERROR, True), said
        assert secret not in said
    shell.write("name: [")
    assert (await shell.diff())[0] == command.ERROR
    shell.write("name: lonely\ndisplayName: x\nfields: [{name: a, kind: reference, types: [b]}]")
    code, said = await shell.diff()
    assert (code, "b" in said) == (command.ERROR, True)
    assert (await shell.run("diff", "nowhere.yaml"))[0] == command.ERROR
