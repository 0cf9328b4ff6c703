"""`cms types diff | apply | export`: content types from files, over the management API."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cms_service.content_types.plans import Plan, is_acknowledged
from cms_service.core.settings.type_files import TypesSettings
from cms_service.type_files import report
from cms_service.type_files.documents import (
    MAX_BYTES,
    Document,
    DocumentError,
    check_names,
    parse,
    write,
)
from cms_service.type_files.management_api import ApiError, ManagementApi
from cms_service.type_files.ordering import Creation, creations, unknown_types

NOTHING, CHANGES, ERROR = 0, 1, 2
REFUSED = 1


@dataclass(frozen=True)
class _Work:
    """What there is to do, in this order."""

    creations: Sequence[Creation]
    changes: Sequence[tuple[Document, Plan]]

    @property
    def is_nothing(self) -> bool:
        return not self.creations and not self.changes

    def describe(self) -> str:
        new = [report.new_type(creation.document) for creation in self.creations]
        return "\n".join(new + [report.changed_type(*change) for change in self.changes])

    def unacknowledged(self, acknowledged: Sequence[str]) -> list[str]:
        return [
            plan.type
            for _, plan in self.changes
            if not plan.safe and not _acknowledging(plan, acknowledged)
        ]


def diff(settings: TypesSettings, files: Sequence[Path]) -> int:
    return _told(lambda: _diff(settings, files))


def apply(
    settings: TypesSettings, files: Sequence[Path], acknowledged: Sequence[str], *, yes: bool
) -> int:
    return _told(lambda: _apply(settings, files, acknowledged, yes=yes))


def export(settings: TypesSettings) -> int:
    return _told(lambda: _export(settings))


def _diff(settings: TypesSettings, files: Sequence[Path]) -> int:
    work = _work(_api(settings), _read(files))
    if work.is_nothing:
        return NOTHING
    _say(work.describe())
    return CHANGES


def _apply(
    settings: TypesSettings, files: Sequence[Path], acknowledged: Sequence[str], *, yes: bool
) -> int:
    api = _api(settings)
    work = _work(api, _read(files))
    if work.is_nothing:
        _say("Nothing to change.")
        return NOTHING
    _say(work.describe())
    if unsafe := work.unacknowledged(acknowledged):
        _complain(f"Nothing is changed: acknowledge the plan of {', '.join(unsafe)} first.")
        return REFUSED
    if not yes and not _is_wanted():
        _complain("Nothing is changed.")
        return REFUSED
    _carry_out(api, work, acknowledged)
    return NOTHING


def _export(settings: TypesSettings) -> int:
    types = sorted(_api(settings).types(), key=lambda one: one.name)
    sys.stdout.write(write(types))
    return NOTHING


def _api(settings: TypesSettings) -> ManagementApi:
    try:
        return ManagementApi(settings.cms_url, settings.cms_tenant, settings.token())
    except ValueError as error:
        raise ApiError(f"CMS_URL {error}.") from None


def _read(files: Sequence[Path]) -> list[Document]:
    """Raises DocumentError."""
    documents: list[Document] = []
    for file in files:
        try:
            with file.open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)
        except OSError as error:
            raise DocumentError(f"{file}: {error.strerror}") from None
        documents += parse(str(file), content)
    check_names(documents)
    return documents


def _work(api: ManagementApi, documents: Sequence[Document]) -> _Work:
    existing = {one.name for one in api.types()}
    if unknown := list(unknown_types(documents, existing)):
        raise DocumentError("\n".join(unknown))
    new = [document for document in documents if document.name not in existing]
    plans = [
        (document, api.plan(document.name, document.definition))
        for document in documents
        if document.name in existing
    ]
    try:
        ordered = list(creations(new, existing))
    except ValueError as error:
        raise DocumentError(str(error)) from None
    return _Work(ordered, [(document, plan) for document, plan in plans if not plan.unchanged])


def _acknowledging(plan: Plan, acknowledged: Sequence[str]) -> str:
    """Which of them does so; empty where none does."""
    return next((one for one in acknowledged if is_acknowledged(plan, one)), "")


def _carry_out(api: ManagementApi, work: _Work, acknowledged: Sequence[str]) -> None:
    """Each type in a transaction of its own: after a failure the same files go on from there. What
    is sent is what was acknowledged: more may be lost by then than the present plan says.
    """
    for creation in work.creations:
        body = dict(creation.document.body)
        fields = [field for field in body["fields"] if field["name"] not in creation.later]
        api.create(body | {"fields": fields})
        _say(f"{creation.document.name}: made")
    for creation in work.creations:
        if creation.later:
            name = creation.document.name
            api.replace(name, creation.document.definition, api.version(name))
            _say(f"{name}: given {', '.join(creation.later)}")
    for document, plan in work.changes:
        seen = "" if plan.safe else _acknowledging(plan, acknowledged)
        api.replace(document.name, document.definition, plan.version, seen)
        _say(f"{document.name}: changed")


def _is_wanted() -> bool:
    """Raises ApiError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise ApiError("Nobody can be asked here: look at the diff and add --yes.")
    return input("Apply this? [y/N] ").strip().lower() in {"y", "yes"}


def _told(run: Callable[[], int]) -> int:
    try:
        return run()
    except (DocumentError, ApiError) as error:
        _complain(str(error))
        return ERROR


def _say(text: str) -> None:
    print(text)  # noqa: T201 - a command speaks to its user


def _complain(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - a command speaks to its user
