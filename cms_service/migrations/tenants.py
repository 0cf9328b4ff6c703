"""The tenants that the operator asks for: TENANTS, and one password file for each."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from cms_service.migrations.errors import MigrationError
from cms_service.tenants.provision import FirstOwner, NewTenant, create, exists


class WantedTenant(NewTenant):
    """A tenant to be made. Where `ownerEmail` is empty, the address stands in the file
    `<name>.email`.
    """

    owner_email: str = ""


_WANTED = TypeAdapter(Annotated[list[WantedTenant], Field(max_length=1000)])


def parse_wanted(text: str) -> list[WantedTenant]:
    """Raises MigrationError."""
    try:
        return _WANTED.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise MigrationError(
            f"TENANTS is wrong at {place or 'the start'}: {first['msg']}."
        ) from None


async def ensure(connection: Any, wanted: WantedTenant, passwords: Path | None) -> bool:
    """Whether it was made now. Raises MigrationError."""
    if await exists(connection, wanted.name):
        return False
    if passwords is None:
        raise MigrationError("TENANT_PASSWORDS_DIR must be set where tenants are to be made.")
    try:
        owner = FirstOwner(
            email=wanted.owner_email or _read(passwords / f"{wanted.name}.email"),
            password=_read(passwords / f"{wanted.name}.password"),
        )
    except ValidationError as error:
        names = " and ".join(sorted({str(details["loc"][0]) for details in error.errors()}))
        raise MigrationError(f"The first owner of {wanted.name} has a wrong {names}.") from None
    return await create(connection, wanted, owner)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise MigrationError(f"The file {path.name} of a first owner cannot be read.") from None
