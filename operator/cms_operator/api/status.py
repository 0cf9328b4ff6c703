"""What the operator reports."""

from typing import Annotated, Literal

from pydantic import Field

from cms_operator.api.analysis_status import AnalysisStatus
from cms_operator.api.annotations import (
    LONGEST_USER,
    LONGEST_VALUE,
    LONGEST_VERB_VALUE,
    UNVERIFIED,
    Verb,
)
from cms_operator.api.conditions import MOST_CONDITIONS, Condition
from cms_operator.api.fields.rollout import Strategy
from cms_operator.api.model import Model
from cms_operator.api.rules import ListMap
from cms_operator.api.timestamps import Timestamp

MOST_REVISIONS = 64

NOT_OBSERVED = -1
_Count = Annotated[int, Field(ge=0)]
_Word = Annotated[str, Field(max_length=64)]
_Request = Annotated[str, Field(max_length=LONGEST_VALUE)]


class RevisionStatus(Model):
    name: _Word
    """Hash that names the revision."""

    image: Annotated[str, Field(max_length=512)]
    """Image of the revision."""

    schema_version: _Count | None = None
    """Schema of the database that the image was made for, once its migration has told."""

    replicas: _Count = 0
    """Pods of the revision."""

    ready_replicas: _Count = 0
    """Pods of the revision that serve."""

    created_at: Timestamp
    """When the revision was made."""

    stable_at: Timestamp | None = None
    """When it last became the stable one; absent where it never was."""


JobPhase = Literal["Pending", "Running", "Complete", "Failed"]


def is_under_way(phase: JobPhase) -> bool:
    """The Job has not ended; it may not have begun either."""
    return phase in {"Pending", "Running"}


class ContractStatus(Model):
    phase: JobPhase
    """Pending, Running, Complete or Failed."""

    message: Annotated[str, Field(max_length=1024)] | None = None
    """Why it failed."""

    finished_at: Timestamp | None = None
    """When it ended."""


# Why a database refuses an image; each is a reason of a condition, too.
Refusal = Literal["SchemaTooNew", "DatabaseOwned", "ReleaseSkipped"]


class MigrationStatus(Model):
    key: _Word
    """Names the migration: image, database, role and tenants."""

    image: Annotated[str, Field(max_length=512)] = ""
    """Image that migrates."""

    database: _Word = ""
    """Names the database, and the restore of it that was told of last."""

    request: _Request | None = None
    """Value of the annotation headlesscms.io/migrate that was acted on last."""

    phase: JobPhase
    """Pending, Running, Complete or Failed."""

    from_version: Annotated[_Count | None, Field(alias="from")] = None
    """Version of the schema before."""

    to_version: Annotated[_Count | None, Field(alias="to")] = None
    """Version of the schema after."""

    oldest_readable: _Count | None = None
    """Images made for an older schema than this cannot work with the database."""

    schema_version: _Count | None = None
    """Schema that the image was made for."""

    to_contract: _Count | None = None
    """Contracts that wait until no older image runs."""

    contract: ContractStatus | None = None
    """The Job that applies them."""

    max_connections: _Count | None = None
    """Connections that the database leaves to ordinary roles."""

    message: Annotated[str, Field(max_length=1024)] | None = None
    """Why it failed."""

    refusal: Refusal | None = None
    """Why the database refused the image: SchemaTooNew, DatabaseOwned or ReleaseSkipped."""

    finished_at: Timestamp | None = None
    """When it ended."""


RolloutPhase = Literal[
    "Progressing",
    "Paused",
    "Analyzing",
    "Switching",
    "Baking",
    "Completed",
    "Aborted",
    "Superseded",
]
_Value = Annotated[str, Field(max_length=LONGEST_VERB_VALUE)]
_User = Annotated[str, Field(max_length=LONGEST_USER)]


class RequestStatus(Model):
    verb: Verb
    """promote, promote-full, pause, resume, abort, retry, rollback or restart."""

    value: _Value
    """Value of the annotation that was handled last."""

    by: _User = UNVERIFIED
    """Who asked, as the admission policies have stamped it; unverified where they have not."""

    outcome: Annotated[str, Field(max_length=256)]
    """What became of it."""


class PinStatus(Model):
    """A rollback that somebody asked for. It holds as long as the spec asks for what it is from."""

    from_revision: Annotated[_Word, Field(alias="from")]
    """Revision that the spec asks for; another one ends the rollback."""

    to_revision: Annotated[_Word, Field(alias="to")]
    """Revision that is wanted instead."""

    by: _User
    """Who asked."""

    since: Timestamp
    """When the operator took it up."""

    spec_hash: _Word | None = None
    """Of what the spec asked for: other addresses in the source Secrets do not end the rollback."""


class RestartStatus(Model):
    """A restart that somebody asked for. It is part of the revision until the spec changes it."""

    revision: _Word
    """Revision that the spec alone asks for."""

    value: _Value
    """Value of the annotation; the pods carry it too."""

    by: _User
    """Who asked."""


class RolloutStatus(Model):
    """The way from the stable revision to the candidate; everything that outlives a reconcile."""

    revision: _Word
    """Revision on trial."""

    previous: _Word | None = None
    """Revision that was stable when the rollout began."""

    strategy: Strategy
    """Strategy of this rollout."""

    phase: RolloutPhase
    """Progressing, Paused, Analyzing, Switching, Baking, Completed, Aborted or Superseded."""

    current_step_index: _Count = 0
    """Steps that are done."""

    steps: _Count = 0
    """Steps that there are; of a BlueGreen the switch, and the analysis before it."""

    steps_hash: _Word = ""
    """Names the steps; other steps begin anew."""

    set_weight: Annotated[int, Field(ge=0, le=100)] = 0
    """Percentage of the traffic that the rollout wants for the revision now."""

    actual_weight: Annotated[int, Field(ge=0, le=100)] = 0
    """Percentage that is set: the route's weight that the gateway has accepted or, without a
    route, the revision's share of the endpoints."""

    observed_weight: Annotated[int | None, Field(ge=0, le=100)] = None
    """Percentage of the requests that the revision's pods have counted; absent where nobody has
    counted enough."""

    started_at: Timestamp
    """When the rollout began."""

    since: Timestamp
    """When the present phase or step began, later by the time for which its clocks stood."""

    stopped_since: Timestamp | None = None
    """Since when its clocks stand, as it is suspended, waits for a migration, or was paused before
    its step was reached."""

    lagging_since: Timestamp | None = None
    """Since when it has come no nearer to its goal; absent while it is there."""

    serving: _Count = 0
    """Pods of the revision that served when it last came nearer."""

    awaited: _Count = 0
    """Pods of the stable revision that it waited for and that served then."""

    scale_down_at: Timestamp | None = None
    """When the previous revision's pods go."""

    message: Annotated[str, Field(max_length=1024)] | None = None
    """Why it was aborted."""

    held_by: _User | None = None
    """Who holds it where it is, by the annotation headlesscms.io/pause; absent where nobody
    does."""

    rollback: bool = False
    """Whether it goes back because somebody asked for it."""

    analysis: AnalysisStatus | None = None
    """How the revision was judged."""

    requests: Annotated[tuple[RequestStatus, ...], Field(max_length=8), ListMap("verb")] = ()
    """What people asked of it last."""


class JwtKeysStatus(Model):
    generation: _Count
    """Counts the changes of the ring of keys."""

    phase: Literal["Stable", "Verifying", "Signing", "Retiring"]
    """Stable; Verifying: all pods learn the new key; Signing: they sign with it; Retiring: the
    old key waits for the last token that it signed."""

    handled_request: _Request | None = None
    """Value of the annotation headlesscms.io/rotate-jwt-key that was acted on last."""

    since: Timestamp | None = None
    """When the phase began."""


class AdoptionStatus(Model):
    request: _Request
    """Value of the annotation headlesscms.io/adopt that is acted on, or was last."""

    objects: Annotated[tuple[Annotated[str, Field(max_length=128)], ...], Field(max_length=64)] = ()
    """The first of those that were taken over, as kind/name."""

    finished_at: Timestamp | None = None
    """When every child was its own; absent while more are awaited."""


class Status(Model):
    observed_generation: Annotated[int, Field(ge=NOT_OBSERVED)] | None = None
    """Generation of the spec that this status is about; -1 before the operator has seen it."""

    conditions: Annotated[
        tuple[Condition, ...], Field(max_length=MOST_CONDITIONS), ListMap("type")
    ] = ()
    """How things stand; Ready sums them up."""

    replicas: _Count | None = None
    """Pods of the revisions that serve."""

    ready_replicas: _Count | None = None
    """Pods of these that answer requests."""

    selector: Annotated[str, Field(max_length=1024)] | None = None
    """Label selector of these pods, for the autoscaler."""

    version: Annotated[str, Field(max_length=128)] | None = None
    """Tag, or shortened digest, of the stable revision's image."""

    strategy: Strategy | None = None
    """How a new revision takes over."""

    stable_revision: _Word | None = None
    """Revision that has passed."""

    updated_revision: _Word | None = None
    """Revision that the spec asks for."""

    rollout: RolloutStatus | None = None
    """The latest rollout."""

    pin: PinStatus | None = None
    """The rollback that holds, by the annotation headlesscms.io/rollback."""

    restart: RestartStatus | None = None
    """The latest restart of the present revision, by the annotation headlesscms.io/restart."""

    revisions: Annotated[
        tuple[RevisionStatus, ...], Field(max_length=MOST_REVISIONS), ListMap("name")
    ] = ()
    """Revisions that have pods or are kept, newest first."""

    address: Annotated[str, Field(max_length=253)] | None = None
    """Host name or IP address at which the CMS is reached."""

    migration: MigrationStatus | None = None
    """The latest migration."""

    jwt_keys: JwtKeysStatus | None = None
    """The ring of signing keys."""

    adoption: AdoptionStatus | None = None
    """The latest take-over of what an earlier life has left, by the annotation
    headlesscms.io/adopt."""
