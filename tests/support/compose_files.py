"""The files of deploy/, read as Compose reads them."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.support.charts import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
SCALE = "docker-compose.scale.yml"
SWARM = "docker-compose.swarm.yml"

_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")


def example_environment() -> dict[str, str]:
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def load(name: str, environment: Mapping[str, str]) -> dict[str, Any]:
    text = (DEPLOY / name).read_text()
    document: dict[str, Any] = _interpolated(yaml.safe_load(text), environment)
    return document


def _interpolated(value: Any, environment: Mapping[str, str]) -> Any:
    """Fill in variables after the YAML is read, as the specification wants it."""
    if isinstance(value, dict):
        return {name: _interpolated(item, environment) for name, item in value.items()}
    if isinstance(value, list):
        return [_interpolated(item, environment) for item in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _variable(found, environment), value)
    return value


def _variable(found: re.Match[str], environment: Mapping[str, str]) -> str:
    name, kind, word = found.groups()
    if environment.get(name):
        return environment[name]
    if kind == "-":
        return str(word)
    raise KeyError(f"{name}: {word}")
