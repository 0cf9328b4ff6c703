"""docs/settings.md has every setting, with its default and with who sets it on Kubernetes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import pytest
from pydantic.fields import FieldInfo

from cms_operator.api.fields.env import is_reserved
from cms_service.core.settings.database import DatabaseSettings
from cms_service.core.settings.migrate import MigrateSettings
from cms_service.core.settings.serve import ServeSettings
from cms_service.core.settings.type_files import TypesSettings
from tests.support.charts import REPOSITORY
from tests.unit.security.fields import leaves

PAGE = (REPOSITORY / "docs" / "settings.md").read_text()
Fields = Mapping[str, FieldInfo]


def beyond(common: Fields, fields: Fields) -> Fields:
    return {name: field for name, field in fields.items() if name not in common}


COMMON = DatabaseSettings.model_fields
SECTIONS = {
    "Of the service and of migrations": COMMON,
    "Of the service": beyond(COMMON, ServeSettings.model_fields),
    "Of migrations": beyond(COMMON, MigrateSettings.model_fields),
    "Of `cms types`": TypesSettings.model_fields,
}


@dataclass(frozen=True)
class Row:
    names: list[str]
    defaults: list[str]
    setter: str


_ROW = re.compile(r"^\| (`.*?) \| (.*?) \| (.*?) \|", re.MULTILINE)


def rows(section: str) -> Iterator[Row]:
    _, _, rest = PAGE.partition(f"\n## {section}\n")
    for names, defaults, setter in _ROW.findall(rest.partition("\n## ")[0]):
        yield Row(re.findall(r"`([A-Z_]+)`", names), defaults.split(", "), setter)


ROWS = [row for section in SECTIONS for row in rows(section)]


@pytest.mark.parametrize("section", SECTIONS)
def test_each_table_has_all_settings_of_its_program_and_no_other(section: str) -> None:
    named = [name for row in rows(section) for name in row.names]
    assert sorted(named) == sorted(name.upper() for name in SECTIONS[section])


def shown(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default.value if isinstance(field.default, Enum) else field.default
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return f"`{value}`" if value else "none"


@pytest.mark.parametrize("section", SECTIONS)
def test_defaults_are_those_of_the_programs(section: str) -> None:
    for row in rows(section):
        if row.names == ["DEFAULT_LIMITS"]:
            continue  # told where limits are explained
        wanted = [shown(SECTIONS[section][name.lower()]) for name in row.names]
        assert row.defaults == (wanted if len(set(wanted)) > 1 else wanted[:1]), row.names


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.names[0])
def test_who_sets_it_on_kubernetes_is_told(row: Row) -> None:
    """What has no field is free in spec.pod.env, and nothing else is."""
    if row.setter == "you":
        return
    assert {is_reserved(name) for name in row.names} == {row.setter != "`pod.env`"}


def test_the_fields_that_it_names_exist() -> None:
    named = {found.removeprefix("spec.") for found in re.findall(r"`(spec\.[\w.]+)`", PAGE)}
    assert len(named) > 5
    for name in named:
        assert any(f"{path}.".startswith((f"{name}.", f"{name}[")) for path in leaves()), name
