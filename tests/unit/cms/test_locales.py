"""The order in which locales are searched for a value."""

import pytest

from cms_service.locales.schemas import Locales

LOCALES = Locales.model_validate(
    {
        "default": "en",
        "locales": [
            {"code": "en"},
            {"code": "de"},
            {"code": "de-AT", "fallback": "de"},
            {"code": "zh-Hant-TW", "fallback": "de-AT"},
        ],
    }
)


@pytest.mark.parametrize(
    ("code", "chain"),
    [
        ("en", ("en",)),
        ("de", ("de", "en")),
        ("de-AT", ("de-AT", "de", "en")),
        ("zh-Hant-TW", ("zh-Hant-TW", "de-AT", "de", "en")),
    ],
)
def test_a_value_is_looked_for_in_the_fallbacks_and_at_last_in_the_default(
    code: str, chain: tuple[str, ...]
) -> None:
    assert LOCALES.chain(code) == chain
