"""Writes what is made from the models: the CustomResourceDefinition, the page on conditions.

`python -m cms_operator.api.crd --write` writes the files, `--check` fails when they differ.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from cms_operator.api import conditions_page
from cms_operator.api.resource import GROUP, KIND, PLURAL, VERSION, HeadlessCMS
from cms_operator.api.schema import structural_schema
from cms_operator.api.spec import Spec
from cms_operator.api.status import NOT_OBSERVED, Status

PLAIN_FILE = Path(f"crds/{GROUP}_{PLURAL}.yaml")
CHART_FILE = Path("charts/headlesscms-operator/templates/crd.yaml")
CONDITIONS_FILE = Path("docs/conditions.md")

_HEADER = "# Made by `python -m cms_operator.api.crd --write`.\n"

_COLUMNS = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Version", "string", ".status.version", 0),
    ("Replicas", "integer", ".status.replicas", 0),
    ("Strategy", "string", ".status.strategy", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', 1),
    ("Address", "string", ".status.address", 1),
)


def build() -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["hcms"],
                "categories": ["all"],
            },
            "scope": "Namespaced",
            "versions": [_version()],
        },
    }


def _version() -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [_column(*column) for column in _COLUMNS],
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "schema": {"openAPIV3Schema": _schema()},
    }


def _column(name: str, kind: str, path: str, priority: int) -> dict[str, Any]:
    column = {"name": name, "type": kind, "jsonPath": path}
    return {**column, "priority": priority} if priority else column


def _schema() -> dict[str, Any]:
    spec, status = structural_schema(Spec), structural_schema(Status)
    return {
        "type": "object",
        "description": "One deployment of the headless CMS, with everything that it needs.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
            "kind": {"type": "string", "description": KIND},
            "metadata": {"type": "object"},
            "spec": {"description": "What is asked for.", **spec},
            "status": {
                "description": "What the operator has found and done.",
                # kstatus takes an object without a status for one that is well.
                "default": {"observedGeneration": NOT_OBSERVED},
                # It has one writer: to record an owner for each field would be a third of the
                # object, and a quarter of what a write of the status costs the server.
                "x-kubernetes-map-type": "atomic",
                **status,
            },
        },
        "x-kubernetes-validations": [rule.as_schema() for rule in HeadlessCMS.rules],
    }


def plain_text() -> str:
    return _HEADER + _to_yaml(build())


def chart_text() -> str:
    """The definition for Helm, which must not take any of its text for a template."""
    lines = _to_yaml(build()).replace("{{", '{{ "{{" }}').splitlines()
    name = lines.index("metadata:")
    keep = [
        "  {{- if .Values.crds.keep }}",
        "  annotations:",
        "    helm.sh/resource-policy: keep",
        "  {{- end }}",
    ]
    body = [*lines[: name + 1], *keep, *lines[name + 1 :]]
    return "\n".join([_HEADER.rstrip(), "{{- if .Values.crds.enabled }}", *body, "{{- end }}", ""])


def _to_yaml(manifest: dict[str, Any]) -> str:
    text: str = yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=10_000)
    return text


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML calls it
        """Anchors are valid, but nobody likes to read them."""
        return True


def files(root: Path) -> dict[Path, str]:
    return {
        root / PLAIN_FILE: plain_text(),
        root / CHART_FILE: chart_text(),
        root / CONDITIONS_FILE: conditions_page.text(),
    }


def stale(root: Path) -> list[Path]:
    return [
        path
        for path, text in files(root).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def write(root: Path) -> None:
    for path, text in files(root).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cms_operator.api.crd", description=__doc__)
    act = parser.add_mutually_exclusive_group(required=True)
    act.add_argument("--write", action="store_true", help="write the files")
    act.add_argument("--check", action="store_true", help="fail when a file differs")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="top folder of the project")
    options = parser.parse_args(arguments)
    if options.write:
        write(options.root)
        return 0
    different = stale(options.root)
    for path in different:
        sys.stderr.write(f"{path} differs from the models: run with --write\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
