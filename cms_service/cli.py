"""`cms serve | migrate [--contract] | tenants create|limits|delete | types diff|apply|export`.
Settings come from the environment, secrets from files: the arguments of a process can be read by
everyone.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from cms_service.core.settings.database import DatabaseSettings
from cms_service.core.settings.default_limits import LIMITS
from cms_service.core.settings.loading import SettingsError, load
from cms_service.core.settings.migrate import MigrateSettings
from cms_service.core.settings.serve import ServeSettings
from cms_service.core.settings.type_files import TypesSettings
from cms_service.core.telemetry import logging as json_logging
from cms_service.limits.manage import change
from cms_service.migrations import job
from cms_service.migrations.explain import explain
from cms_service.tenants import removal
from cms_service.tenants.provision import FirstOwner, NewTenant, create

_WRONG_USE = 2
_MAX_DIGITS = 15
_MADE_ANEW = "a migration Job that has it in its list makes it anew, and empty."


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except SettingsError as error:
        print(f"Wrong settings: {error}", file=sys.stderr)  # noqa: T201 - no log before settings
        return _WRONG_USE
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cms", description=__doc__)
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="answer requests until SIGTERM")
    serve.set_defaults(run=_serve)
    migrate = commands.add_parser("migrate", help="bring the database to this release's schema")
    migrate.add_argument(
        "--contract",
        action="store_true",
        help="take away what older releases need, once none of them runs any more",
    )
    migrate.set_defaults(run=_migrate)
    tenants = commands.add_parser("tenants", help="manage tenants").add_subparsers(required=True)
    new = tenants.add_parser("create", help="make a tenant with its first owner")
    new.add_argument("name")
    new.add_argument("--display-name", default="")
    new.add_argument("--owner-email", required=True)
    new.add_argument("--password-file", required=True, type=Path)
    new.set_defaults(run=_create_tenant)
    limits = tenants.add_parser("limits", help="show a tenant's limits, or change them")
    limits.add_argument("name")
    limits.add_argument("--set", action="append", default=[], metavar="LIMIT=NUMBER")
    limits.add_argument("--reset", action="append", default=[], choices=LIMITS)
    limits.set_defaults(run=_limit_tenant)
    delete = tenants.add_parser(
        "delete",
        help="remove a tenant for good, with all that it has",
        description="Closes the tenant and removes all its rows. Take it out of spec.tenants (or"
        f" TENANTS) first: {_MADE_ANEW} What was stopped half-way is gone on with by the same"
        " command.",
    )
    delete.add_argument("name")
    delete.add_argument("--confirm", required=True, metavar="NAME", help="the name once more")
    delete.set_defaults(run=_delete_tenant)
    _add_types(commands)
    return parser


def _add_types(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    types = commands.add_parser(
        "types",
        help="content types from files",
        description="Asks the management API at CMS_URL for the tenant CMS_TENANT, with the token"
        " or API key in CMS_TOKEN or in the file CMS_TOKEN_FILE.",
    ).add_subparsers(required=True)
    diff = types.add_parser("diff", help="what apply would change: exit code 1, or 0 for nothing")
    apply = types.add_parser("apply", help="show what would change, ask, and change it")
    for reading in (diff, apply):
        reading.add_argument("files", nargs="+", type=Path, metavar="FILE")
    apply.add_argument("--yes", action="store_true", help="do not ask")
    apply.add_argument(
        "--acknowledge",
        action="append",
        default=[],
        metavar="PLAN",
        help="carry out a plan that is not safe, as diff has shown it; may be given again",
    )
    export = types.add_parser("export", help="print all content types as YAML")
    diff.set_defaults(run=_diff_types)
    apply.set_defaults(run=_apply_types)
    export.set_defaults(run=_export_types)


def _serve(_arguments: argparse.Namespace) -> int:
    # Imported here: a migration needs neither web framework nor event loop.
    from cms_service import server  # noqa: PLC0415 - as said

    server.run(load(ServeSettings))
    return 0


def _migrate(arguments: argparse.Namespace) -> int:
    settings = load(MigrateSettings)
    _configure_logging(settings)
    return job.run(settings, contract=arguments.contract)


def _configure_logging(settings: DatabaseSettings) -> None:
    json_logging.configure(
        settings.log_level, {"name": settings.hcms_name, "namespace": settings.hcms_namespace}
    )


def _create_tenant(arguments: argparse.Namespace) -> int:
    settings = load(DatabaseSettings)
    try:
        tenant = NewTenant(name=arguments.name, displayName=arguments.display_name)
        password = arguments.password_file.read_text().strip()
        owner = FirstOwner(email=arguments.owner_email, password=password)
    except ValidationError as error:
        names = sorted({str(details["loc"][0]) for details in error.errors()})
        return _failed(f"Wrong {' and '.join(names)}.")
    except OSError:
        return _failed("The password file cannot be read.")
    try:
        created = asyncio.run(_create(settings, tenant, owner))
    except Exception as error:  # noqa: BLE001 - every error becomes a sentence for the reader
        return _failed(explain(error, settings.database_url.place))
    return 0 if created else _failed(f"There is a tenant {tenant.name} already.")


def _limit_tenant(arguments: argparse.Namespace) -> int:
    settings = load(DatabaseSettings)
    changes: dict[str, int | None] = dict.fromkeys(arguments.reset)
    for text in arguments.set:
        what, _, most = text.partition("=")
        if what not in LIMITS or not most.isdecimal() or len(most) > _MAX_DIGITS:
            return _failed(f"--set takes LIMIT=NUMBER, with one of {', '.join(LIMITS)}.")
        changes[what] = int(most)
    try:
        lines = asyncio.run(_limit(settings, arguments.name, changes))
    except Exception as error:  # noqa: BLE001 - every error becomes a sentence for the reader
        return _failed(explain(error, settings.database_url.place))
    if lines is None:
        return _failed(f"There is no tenant {arguments.name}.")
    print("\n".join(lines))  # noqa: T201 - a command speaks to its user
    return 0


def _delete_tenant(arguments: argparse.Namespace) -> int:
    settings = load(DatabaseSettings)
    name = arguments.name
    if arguments.confirm != name:
        return _failed(f"Nothing was changed: --confirm has to be the tenant's name, {name}.")
    _configure_logging(settings)
    try:
        found = asyncio.run(_delete(settings, name))
    except Exception as error:  # noqa: BLE001 - every error becomes a sentence for the reader
        sentence = explain(error, settings.database_url.place)
        return _failed(f"{sentence} The same command goes on with what is left.")
    if not found:
        return _failed(f"There is no tenant {name}.")
    print(  # noqa: T201 - a command speaks to its user
        f"The tenant {name} is gone. If spec.tenants of a HeadlessCMS or TENANTS names it,"
        f" take it out there: {_MADE_ANEW}",
        file=sys.stderr,
    )
    return 0


async def _delete(settings: DatabaseSettings, name: str) -> bool:
    async with job.connected(settings) as connection:
        return await removal.remove_by_name(connection, name)


async def _limit(
    settings: DatabaseSettings, name: str, changes: dict[str, int | None]
) -> list[str] | None:
    async with job.connected(settings) as connection:
        return await change(connection, name, changes)


async def _create(settings: DatabaseSettings, tenant: NewTenant, owner: FirstOwner) -> bool:
    async with job.connected(settings) as connection:
        return await create(connection, tenant, owner)


def _diff_types(arguments: argparse.Namespace) -> int:
    # Imported here as below: the service and the migrations read no YAML.
    from cms_service.type_files import command  # noqa: PLC0415 - as said

    return command.diff(load(TypesSettings), arguments.files)


def _apply_types(arguments: argparse.Namespace) -> int:
    from cms_service.type_files import command  # noqa: PLC0415 - as said

    return command.apply(
        load(TypesSettings), arguments.files, arguments.acknowledge, yes=arguments.yes
    )


def _export_types(_arguments: argparse.Namespace) -> int:
    from cms_service.type_files import command  # noqa: PLC0415 - as said

    return command.export(load(TypesSettings))


def _failed(sentence: str) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201 - a command speaks to its user
    return 1
