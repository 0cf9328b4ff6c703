"""What runs the guide would see that it tells something else."""

import pytest

from tests.support.guide import Step, steps

PAGE = """\
# A page
<!-- your own values -->
```sh
export A=1
```

Words.
```sh
echo "{$A"
echo }
```
```json
{…
}
```
"""


def test_commands_stand_with_what_they_show() -> None:
    assert list(steps(PAGE)) == [
        Step(3, "your own values", "export A=1\n", ""),
        Step(8, "", 'echo "{$A"\necho }\n', "{…\n}\n"),
    ]


@pytest.mark.parametrize(
    "block", ["```text\nno command\n```\n", "``` sh\nls\n```\n", "   ```sh\nls\n   ```\n"]
)
def test_no_block_is_passed_over(block: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        list(steps(PAGE + block))


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("", "error"),
        ('{"id": "…"}', '{"id": 7}'),
        ("a…", "a1\nb"),
        ("a.c", "abc"),
        ("done", "done\nwarning"),
    ],
)
def test_what_is_not_marked_may_not_differ(shown: str, said: str) -> None:
    assert not Step(1, "", "", shown).fits(said)


def test_what_is_marked_may_differ() -> None:
    assert Step(1, "", "", '{"id": "…"}\n').fits('{"id": "7"}')
