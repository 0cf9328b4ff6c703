"""Settings from the environment: good defaults, and a clear word for a bad value."""

import pytest

from cms_operator.settings import Settings, SettingsError


def test_without_any_variable_the_whole_cluster_is_served() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings().namespaces == ()


def test_all_of_it_can_be_set() -> None:
    found = Settings.from_environment(
        {
            "HCMS_WATCH_NAMESPACES": "team-a, team-b,",
            "HCMS_OPERATOR_NAMESPACE": "operators",
            "HCMS_LOG_LEVEL": "debug",
            "HCMS_LOG_FORMAT": "plain",
            "HCMS_HEALTH_PORT": "9999",
            "HCMS_WORKERS": "2",
            "HCMS_RESYNC_SECONDS": "60",
        }
    )
    assert found == Settings(("team-a", "team-b"), "operators", "debug", "plain", 9999, 2, 60)


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("HCMS_LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("HCMS_LOG_FORMAT", "xml", "json, plain"),
        ("HCMS_WORKERS", "0", "from 1 to 64"),
        ("HCMS_WORKERS", "many", "from 1 to 64"),
        ("HCMS_WORKERS", "-1", "from 1 to 64"),
        ("HCMS_HEALTH_PORT", "65536", "from 0 to 65535"),
        ("HCMS_RESYNC_SECONDS", "1", "from 10 to 86400"),
    ],
)
def test_a_bad_value_is_named_with_what_would_be_good(name: str, value: str, advice: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({name: value})
    assert name in str(refused.value)
    assert advice in str(refused.value)
