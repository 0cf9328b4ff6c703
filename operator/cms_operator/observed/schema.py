"""Which images can work with the database as it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cms_operator.api.status import MigrationStatus, RevisionStatus


@dataclass(frozen=True, slots=True)
class Schemas:
    """The schema that each revision's image was made for, as far as its migration has told, and the
    oldest that the database still works with.
    """

    made_for: Mapping[str, int] = field(default_factory=dict)
    oldest_readable: int | None = None


def can_run(schemas: Schemas, revision: str) -> bool:
    """True also where a schema is not known: the migration Job asks the database itself."""
    oldest, made_for = schemas.oldest_readable, schemas.made_for.get(revision)
    return oldest is None or made_for is None or made_for >= oldest


def why_not(schemas: Schemas, revision: str) -> str:
    return (
        f"its image was made for schema {schemas.made_for.get(revision)}, the database works with"
        f" images for schema {schemas.oldest_readable} or newer only"
    )


def known_schemas(
    reported: Iterable[RevisionStatus],
    images: Mapping[str, str],
    migration: MigrationStatus | None,
) -> Schemas:
    """`images` are those of the revisions. Two revisions with one image have one schema."""
    by_image = {
        found.image: found.schema_version for found in reported if found.schema_version is not None
    }
    if migration and migration.phase == "Complete" and migration.image:
        if migration.schema_version is not None:
            by_image[migration.image] = migration.schema_version
        elif migration.to_version is not None:
            # The image does not tell its schema: taken for what it migrated to, unless known.
            by_image.setdefault(migration.image, migration.to_version)
    made_for = {name: by_image[image] for name, image in images.items() if image in by_image}
    return Schemas(made_for, migration.oldest_readable if migration else None)


def oldest_in_use(schemas: Schemas, running: Iterable[str]) -> int | None:
    """The oldest schema that a running revision's image was made for."""
    found = (schemas.made_for[name] for name in running if name in schemas.made_for)
    return min(found, default=None)
