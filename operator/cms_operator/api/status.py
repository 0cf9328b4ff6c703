"""What the operator reports."""

from typing import Annotated, Literal

from pydantic import Field

from cms_operator.api.conditions import MOST_CONDITIONS, Condition
from cms_operator.api.model import Model
from cms_operator.api.rollout import Strategy
from cms_operator.api.rules import ListMap
from cms_operator.api.timestamps import Timestamp

MOST_REVISIONS = 64

_Count = Annotated[int, Field(ge=0)]
_Word = Annotated[str, Field(max_length=64)]


class RevisionStatus(Model):
    name: _Word
    """Hash that names the revision."""

    image: Annotated[str, Field(max_length=512)]
    """Image of the revision."""

    replicas: _Count = 0
    """Pods of the revision."""

    ready_replicas: _Count = 0
    """Pods of the revision that serve."""

    created_at: Timestamp
    """When the revision was made."""


class MigrationStatus(Model):
    key: _Word
    """Names the migration: image, database, role and tenants."""

    phase: Literal["Pending", "Running", "Complete", "Failed"]
    """Pending, Running, Complete or Failed."""

    from_version: Annotated[_Count | None, Field(alias="from")] = None
    """Version of the schema before."""

    to_version: Annotated[_Count | None, Field(alias="to")] = None
    """Version of the schema after."""

    oldest_readable: _Count | None = None
    """Oldest version of the schema that the image can work with."""

    max_connections: _Count | None = None
    """Connections that the database leaves to ordinary roles."""

    message: Annotated[str, Field(max_length=1024)] | None = None
    """Why it failed."""

    finished_at: Timestamp | None = None
    """When it ended."""


RolloutPhase = Literal[
    "Progressing", "Paused", "Switching", "Baking", "Completed", "Aborted", "Superseded"
]
# What a person may ask of a rollout, by an annotation headlesscms.io/<verb>.
Verb = Literal["promote", "promote-full", "abort", "retry"]


class RequestStatus(Model):
    verb: Verb
    """promote, promote-full, abort or retry."""

    value: Annotated[str, Field(max_length=128)]
    """Value of the annotation that was handled last."""

    outcome: Annotated[str, Field(max_length=256)]
    """What became of it."""


class RolloutStatus(Model):
    """The way from the stable revision to the candidate; everything that outlives a reconcile."""

    revision: _Word
    """Revision on trial."""

    previous: _Word | None = None
    """Revision that was stable when the rollout began."""

    strategy: Strategy
    """Strategy of this rollout."""

    phase: RolloutPhase
    """Progressing, Paused, Switching, Baking, Completed, Aborted or Superseded."""

    current_step_index: _Count = 0
    """Steps that are done."""

    steps: _Count = 0
    """Steps that there are; the switch is the one of a BlueGreen."""

    steps_hash: _Word = ""
    """Names the steps; other steps begin anew."""

    set_weight: Annotated[int, Field(ge=0, le=100)] = 0
    """Percentage of the traffic that the rollout wants for the revision now."""

    actual_weight: Annotated[int, Field(ge=0, le=100)] = 0
    """Percentage that whole pods allow: the revision's share of the endpoints."""

    started_at: Timestamp
    """When the rollout began."""

    since: Timestamp
    """When the present phase or step began."""

    lagging_since: Timestamp | None = None
    """Since when it has come no nearer to its goal; absent while it is there."""

    serving: _Count = 0
    """Pods of the revision that served when it last came nearer."""

    scale_down_at: Timestamp | None = None
    """When the previous revision's pods go."""

    message: Annotated[str, Field(max_length=1024)] | None = None
    """Why it was aborted."""

    requests: Annotated[tuple[RequestStatus, ...], Field(max_length=8), ListMap("verb")] = ()
    """What people asked of it last."""


class JwtKeysStatus(Model):
    generation: _Count
    """Counts the changes of the ring of keys."""

    phase: Literal["Stable", "Verifying", "Signing", "Retiring"]
    """Stable; Verifying: all pods learn the new key; Signing: they sign with it; Retiring: the
    old key waits for the last token that it signed."""

    handled_request: Annotated[str, Field(max_length=256)] | None = None
    """Value of the annotation headlesscms.io/rotate-jwt-key that was acted on last."""

    since: Timestamp | None = None
    """When the phase began."""


class Status(Model):
    observed_generation: _Count | None = None
    """Generation of the spec that this status is about."""

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
