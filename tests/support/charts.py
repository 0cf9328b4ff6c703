"""Charts as Helm renders them."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
CHARTS = REPOSITORY / "charts"
STAMPING = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
RELEASE = "r"
NAMESPACE = "installed-here"

Objects = list[dict[str, Any]]


class RefusedValuesError(Exception):
    pass


class _Strict(yaml.SafeLoader):
    """Refuses a key that stands twice, as kubectl does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        keys = [key.value for key, _ in node.value]
        if len(set(keys)) < len(keys):
            raise yaml.constructor.ConstructorError(None, None, f"{keys}", node.start_mark)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class Chart:
    helm: Path
    name: str

    def render(
        self,
        values: Mapping[str, Any] | None = None,
        served: Sequence[str] = (),
        release: str = RELEASE,
    ) -> Objects:
        """`served` are kinds that Helm finds in the cluster, beside those that are always there.

        Raises RefusedValuesError with what Helm said.
        """
        done = subprocess.run(  # noqa: S603  - Helm of this project, no shell
            [
                str(self.helm), "template", release, str(CHARTS / self.name),
                "--namespace", NAMESPACE, "--values", "-",
                *(f"--api-versions={kind}" for kind in served),
            ],
            input=json.dumps(values or {}), text=True, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RefusedValuesError(done.stderr)
        return [found for found in yaml.load_all(done.stdout, _Strict) if found]


def of_kind(objects: Objects, kind: str) -> Objects:
    return [found for found in objects if found["kind"] == kind]


def the(objects: Objects, kind: str) -> dict[str, Any]:
    (found,) = of_kind(objects, kind)
    return found
