"""Conditions of a HeadlessCMS: one vocabulary, with what each word means and what to do."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.timestamps import Timestamp

MOST_CONDITIONS = 32
LONGEST_MESSAGE = 1024


class _Described(StrEnum):
    """`help` is what the word means, and after a semicolon what to do."""

    help: str

    def __new__(cls, word: str, text: str) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.help = text
        return member

    @property
    def advice(self) -> str:
        """What to do, as a sentence."""
        advice = self.help.partition("; ")[2]
        return advice[:1].upper() + advice[1:]


class ConditionType(_Described):
    READY = (
        "Ready",
        "The wanted revision serves; Available and Progressing tell with how many pods.",
    )
    RECONCILING = "Reconciling", "The operator is on the way to what the spec asks for."
    STALLED = "Stalled", "The operator cannot go on until somebody changes something."
    AVAILABLE = "Available", "Pods answer requests, whatever their revision."
    PROGRESSING = "Progressing", "The pods of the wanted revision are coming up, or have."
    SECRETS_READY = "SecretsReady", "The source Secrets are there and can be read."
    DATABASE_MIGRATED = "DatabaseMigrated", "The schema fits the image; roles and tenants exist."
    SCHEMA_CONTRACTED = (
        "SchemaContracted",
        "The schema keeps nothing that only older images need.",
    )
    CONNECTIONS_FIT = "ConnectionsFit", "All pods' pools together fit the database's connections."
    ADDRESS_ASSIGNED = "AddressAssigned", "The Service or the route has an address."
    CHILDREN_OWNED = (
        "ChildrenOwned",
        "Every child is made, and none of their names is taken by an object of somebody else.",
    )
    KEYS_CURRENT = "KeysCurrent", "All pods use the newest signing key; False while it rotates."


class Reason(_Described):
    # All is well.
    READY = "Ready", "The wanted revision serves; nothing to do."
    ENOUGH_PODS = "EnoughPods", "Enough pods answer requests; nothing to do."
    ROLLED_OUT = "RolledOut", "All pods are of the wanted revision; nothing to do."
    SECRETS_READ = "SecretsRead", "The source Secrets were read; nothing to do."
    MIGRATED = "Migrated", "The migration Job has finished; nothing to do."
    CONTRACTED = "Contracted", "There is nothing to contract; nothing to do."
    MIGRATION_DISABLED = (
        "MigrationDisabled",
        "spec.migration.enabled is false; migrate the database and make its role yourself.",
    )
    CONNECTIONS_FIT = (
        "ConnectionsFit",
        "The database has a connection for every pool; nothing to do.",
    )
    ADDRESS_ASSIGNED = "AddressAssigned", "The address is in status.address; nothing to do."
    CHILDREN_OWNED = (
        "ChildrenOwned",
        "Every child is made and belongs to this HeadlessCMS; nothing to do.",
    )
    KEYS_CURRENT = "KeysCurrent", "All pods use the newest signing key; nothing to do."
    SETTLED = "Settled", "The operator has nothing left to change; nothing to do."
    NOT_STALLED = "NotStalled", "Nothing stands in the way; nothing to do."

    # Under way.
    ROLLING_OUT = "RollingOut", "Pods of a new revision are starting; wait."
    PAUSED = (
        "Paused",
        (
            "The rollout waits at a step, or somebody has paused it; wait, or go on with the "
            "annotation headlesscms.io/promote or headlesscms.io/resume, as the message says."
        ),
    )
    ANALYZING = (
        "Analyzing",
        (
            "The rollout waits until enough of the new revision was measured; wait, or go past it "
            "with the annotation headlesscms.io/promote."
        ),
    )
    ANALYSIS_UNDECIDED = (
        "AnalysisUndecided",
        (
            "The analysis came to no conclusion, and a person has to decide; read the message, "
            "then use the annotation headlesscms.io/promote or headlesscms.io/abort."
        ),
    )
    BAKING = (
        "Baking",
        "The new revision has all the traffic and is watched before it counts as stable; wait.",
    )
    SCALING = "Scaling", "Pods are being added or taken away; wait."
    MIGRATING = "Migrating", "The migration Job runs; wait, or read the Job's logs."
    CONTRACT_WAITS = (
        "ContractWaits",
        (
            "What only older images need is taken from the schema when the new revision is stable "
            "and alone; wait, an earlier image can still be applied."
        ),
    )
    CONTRACTING = "Contracting", "The contract Job runs; wait, or read the Job's logs."
    ROTATING_KEYS = "RotatingKeys", "The pods change to a new signing key step by step; wait."
    ADDRESS_PENDING = (
        "AddressPending",
        (
            "The load balancer or gateway gives no address yet; wait, or check that the cluster "
            "has a controller for it, or set spec.service.type to ClusterIP."
        ),
    )
    NO_REPORT_YET = (
        "NoReportYet",
        "The migration Job has not yet reported how many connections the database allows; wait.",
    )
    NO_REPORT = (
        "NoReport",
        (
            "No migration Job tells how many connections the database allows; compare the pools "
            "with its max_connections yourself."
        ),
    )
    SUSPENDED = (
        "Suspended",
        "spec.suspend is true, the operator changes nothing; set it to false to go on.",
    )
    SCALED_TO_ZERO = "ScaledToZero", "spec.replicas is 0, nothing serves; scale up to serve."

    # The source Secrets.
    SECRET_NOT_FOUND = (
        "SecretNotFound",
        "A Secret that the spec names does not exist; create it or correct the name.",
    )
    SECRET_KEY_MISSING = (
        "SecretKeyMissing",
        "A Secret lacks the key that the spec needs; add the key or correct the reference.",
    )
    SECRET_VALUE_INVALID = (
        "SecretValueInvalid",
        "A value in a Secret cannot be used; correct it as the message says.",
    )
    SECRET_UNREADABLE = (
        "SecretUnreadable",
        (
            "The API server has not told for a while what a Secret says; ask who runs the cluster "
            "(where Secrets are encrypted, its key service may be away)."
        ),
    )

    # The pods.
    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        "A node cannot pull the image; check spec.image, the registry and spec.imagePullSecrets.",
    )
    CRASH_LOOPING = (
        "CrashLooping",
        "The container ends again and again; read its last logs with kubectl logs --previous.",
    )
    OUT_OF_MEMORY = (
        "OutOfMemory",
        "The container was killed at its memory limit; raise spec.resources.limits.memory.",
    )
    POD_CONFIGURATION_INVALID = (
        "PodConfigurationInvalid",
        "The container cannot be made from its settings; check what spec.pod refers to.",
    )
    POD_NOT_STARTED = (
        "PodNotStarted",
        (
            "A pod has a node, and its containers do not start: its image comes slowly, an init "
            "container that was added does not end, or a volume is missing; check the ConfigMaps "
            "and Secrets that the spec names."
        ),
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        (
            "No node takes a pod; add nodes, or lower spec.resources.requests or the demands of "
            "spec.pod."
        ),
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        "The namespace's quota refuses a pod; raise the quota or ask for less.",
    )
    PODS_REFUSED = (
        "PodsRefused",
        (
            "An admission policy refuses the pods; read the message, then change the policy or "
            "spec.pod."
        ),
    )
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        (
            "The new revision made no progress within spec.rollout.progressDeadlineSeconds; find "
            "why its pods are not ready, or go back to the earlier spec."
        ),
    )
    ROLLED_BACK = (
        "RolledBack",
        (
            "The new revision failed and the stable one serves; read the message, then apply a "
            "corrected spec, or try again with the annotation headlesscms.io/retry."
        ),
    )
    PINNED = (
        "Pinned",
        (
            "Somebody has rolled back to an earlier revision, which holds although the spec asks "
            "for another one; apply another spec, or go on with the annotation "
            "headlesscms.io/retry."
        ),
    )
    ANALYSIS_FAILED = (
        "AnalysisFailed",
        (
            "The new revision was measured to be worse and the stable one serves; read the "
            "message, then apply a corrected spec, or try again with the annotation "
            "headlesscms.io/retry."
        ),
    )
    FEWER_PODS = (
        "FewerPods",
        "Some pods answer, but fewer than are wanted; the message and Progressing say why.",
    )
    NO_PODS = "NoPods", "No pod answers; the message and Progressing say why."

    # The rest.
    INVALID_SPEC = (
        "InvalidSpec",
        "The spec cannot be used and nothing was changed; correct the fields in the message.",
    )
    CHILDREN_TOO_LARGE = (
        "ChildrenTooLarge",
        (
            "Objects that name this HeadlessCMS as their owner are larger together than what is "
            "kept in memory of one, and nothing was changed; delete those that the operator did "
            "not make, or keep fewer old revisions and smaller ones."
        ),
    )
    MIGRATION_FAILED = (
        "MigrationFailed",
        (
            "The migration Job failed and the old revision goes on serving; read the message and "
            "the Job's logs."
        ),
    )
    CONTRACT_FAILED = (
        "ContractFailed",
        (
            "The contract Job failed, everything goes on serving and the Job is tried again; read "
            "the message and the Job's logs, then mend the data or release an image whose contract "
            "is corrected."
        ),
    )
    SCHEMA_TOO_NEW = (
        "SchemaTooNew",
        (
            "The image is older than what the database's schema allows and was not started; apply "
            "a newer image, or restore the database and ask for a migration with the annotation "
            "headlesscms.io/migrate."
        ),
    )
    RELEASE_SKIPPED = (
        "ReleaseSkipped",
        (
            "The image's migration would break the revision that serves; release the image in "
            "between first, as the message says."
        ),
    )
    DATABASE_OWNED = (
        "DatabaseOwned",
        (
            "The database belongs to another HeadlessCMS and was left alone; give this one its own "
            "database, or hand it over with the annotation headlesscms.io/take-over-database."
        ),
    )
    TOO_MANY_CONNECTIONS = (
        "TooManyConnections",
        (
            "The pods' pools can ask for more connections than the database allows; lower "
            "spec.database.poolSize or the replicas, or raise max_connections."
        ),
    )
    NAME_TAKEN = (
        "NameTaken",
        (
            "A child's name belongs to an object that this HeadlessCMS did not make and that is "
            "left alone; delete or rename that object, or rename the HeadlessCMS; what an earlier "
            "life of it has left it takes over by the annotation headlesscms.io/adopt."
        ),
    )
    STILL_ENDING = (
        "StillEnding",
        (
            "A child's name belongs to what is left of a HeadlessCMS or another object that was "
            "deleted; wait until it has gone, and if that never comes mend what its finalizers "
            "wait for."
        ),
    )
    API_REFUSED = (
        "ApiRefused",
        "The API server refuses a child; read the message, and check the operator's rights.",
    )
    MISSING_API = (
        "MissingApi",
        (
            "The cluster lacks a kind that the spec needs; install it (for a gateway route: "
            "the Gateway API)."
        ),
    )


ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Model):
    type: Annotated[str, Field(min_length=1, max_length=64)]
    """What the condition is about."""

    status: ConditionStatus
    """True, False or Unknown."""

    reason: Annotated[str, Field(min_length=1, max_length=64)]
    """Why, in one word; docs/conditions.md explains each."""

    message: Annotated[str, Field(max_length=LONGEST_MESSAGE)] = ""
    """Why, for people, and what to do."""

    observed_generation: Annotated[int, Field(ge=0)]
    """Generation of the spec that this is about."""

    last_transition_time: Timestamp
    """When the status last changed."""


def condition(  # noqa: PLR0913 - the fields of a condition
    kind: ConditionType,
    status: bool | None,  # noqa: FBT001 - the three states of a condition
    reason: Reason,
    message: str,
    *,
    generation: int,
    now: datetime,
) -> Condition:
    """A condition that is Unknown where `status` is None. A message that is too long is cut."""
    return Condition(
        type=kind.value,
        status="Unknown" if status is None else "True" if status else "False",
        reason=reason.value,
        message=_cut(message),
        observed_generation=generation,
        last_transition_time=now,
    )


def _cut(message: str) -> str:
    if len(message) <= LONGEST_MESSAGE:
        return message
    return message[: LONGEST_MESSAGE - 1] + "…"


def set_condition(conditions: Iterable[Condition], new: Condition) -> tuple[Condition, ...]:
    """Replaces the condition of that type; its time stays while its status does."""
    kept = {condition.type: condition for condition in conditions}
    old = kept.get(new.type)
    if old is not None and old.status == new.status:
        new = new.model_copy(update={"last_transition_time": old.last_transition_time})
    kept[new.type] = new
    return tuple(kept.values())[-MOST_CONDITIONS:]
