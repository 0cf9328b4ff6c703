"""Conditions of a HeadlessCMS: one vocabulary, with what each word means and what to do."""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum, StrEnum, auto
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
        return cls._made(word, text)

    @classmethod
    def _made(cls, word: str, text: str) -> Self:
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


class Tone(Enum):
    """How a reason is taken: an Event of trouble is a Warning."""

    WELL = auto()
    UNDER_WAY = auto()
    TROUBLE = auto()
    LEFT_ALONE = auto()
    """Trouble, and nothing at all is done for the object until it is mended."""


class Reason(_Described):
    tone: Tone

    def __new__(cls, word: str, tone: Tone, text: str) -> Self:
        member = cls._made(word, text)
        member.tone = tone
        return member

    @property
    def is_trouble(self) -> bool:
        return self.tone in {Tone.TROUBLE, Tone.LEFT_ALONE}

    # All is well.
    READY = "Ready", Tone.WELL, "The wanted revision serves; nothing to do."
    ENOUGH_PODS = "EnoughPods", Tone.WELL, "Enough pods answer requests; nothing to do."
    ROLLED_OUT = "RolledOut", Tone.WELL, "All pods are of the wanted revision; nothing to do."
    SECRETS_READ = "SecretsRead", Tone.WELL, "The source Secrets were read; nothing to do."
    MIGRATED = "Migrated", Tone.WELL, "The migration Job has finished; nothing to do."
    CONTRACTED = "Contracted", Tone.WELL, "There is nothing to contract; nothing to do."
    MIGRATION_DISABLED = (
        "MigrationDisabled",
        Tone.WELL,
        "spec.migration.enabled is false; migrate the database and make its role yourself.",
    )
    CONNECTIONS_FIT = (
        "ConnectionsFit",
        Tone.WELL,
        "The database has a connection for every pool; nothing to do.",
    )
    ADDRESS_ASSIGNED = (
        "AddressAssigned",
        Tone.WELL,
        "The address is in status.address; nothing to do.",
    )
    CHILDREN_OWNED = (
        "ChildrenOwned",
        Tone.WELL,
        "Every child is made and belongs to this HeadlessCMS; nothing to do.",
    )
    KEYS_CURRENT = "KeysCurrent", Tone.WELL, "All pods use the newest signing key; nothing to do."
    SETTLED = "Settled", Tone.WELL, "The operator has nothing left to change; nothing to do."
    NOT_STALLED = "NotStalled", Tone.WELL, "Nothing stands in the way; nothing to do."

    # Under way.
    ROLLING_OUT = "RollingOut", Tone.UNDER_WAY, "Pods of a new revision are starting; wait."
    PAUSED = (
        "Paused",
        Tone.UNDER_WAY,
        (
            "The rollout waits at a step, or somebody has paused it; wait, or go on with the "
            "annotation headlesscms.io/promote or headlesscms.io/resume, as the message says."
        ),
    )
    ANALYZING = (
        "Analyzing",
        Tone.UNDER_WAY,
        (
            "The rollout waits until enough of the new revision was measured; wait, or go past it "
            "with the annotation headlesscms.io/promote."
        ),
    )
    ANALYSIS_UNDECIDED = (
        "AnalysisUndecided",
        Tone.TROUBLE,
        (
            "The analysis came to no conclusion, and a person has to decide; read the message, "
            "then use the annotation headlesscms.io/promote or headlesscms.io/abort."
        ),
    )
    BAKING = (
        "Baking",
        Tone.UNDER_WAY,
        "The new revision has all the traffic and is watched before it counts as stable; wait.",
    )
    SCALING = "Scaling", Tone.UNDER_WAY, "Pods are being added or taken away; wait."
    MIGRATING = "Migrating", Tone.UNDER_WAY, "The migration Job runs; wait, or read the Job's logs."
    CONTRACT_WAITS = (
        "ContractWaits",
        Tone.UNDER_WAY,
        (
            "What only older images need is taken from the schema when the new revision is stable "
            "and alone; wait, an earlier image can still be applied."
        ),
    )
    CONTRACTING = (
        "Contracting",
        Tone.UNDER_WAY,
        "The contract Job runs; wait, or read the Job's logs.",
    )
    ROTATING_KEYS = (
        "RotatingKeys",
        Tone.UNDER_WAY,
        "The pods change to a new signing key step by step; wait.",
    )
    ADDRESS_PENDING = (
        "AddressPending",
        Tone.UNDER_WAY,
        (
            "The load balancer or gateway gives no address yet; wait, or check that the cluster "
            "has a controller for it, or set spec.service.type to ClusterIP."
        ),
    )
    NO_REPORT_YET = (
        "NoReportYet",
        Tone.UNDER_WAY,
        "The migration Job has not yet reported how many connections the database allows; wait.",
    )
    NO_REPORT = (
        "NoReport",
        Tone.TROUBLE,
        (
            "No migration Job tells how many connections the database allows; compare the pools "
            "with its max_connections yourself."
        ),
    )
    SUSPENDED = (
        "Suspended",
        Tone.UNDER_WAY,
        "spec.suspend is true, the operator changes nothing; set it to false to go on.",
    )
    SCALED_TO_ZERO = (
        "ScaledToZero",
        Tone.UNDER_WAY,
        "spec.replicas is 0, nothing serves; scale up to serve.",
    )

    # The source Secrets.
    SECRET_NOT_FOUND = (
        "SecretNotFound",
        Tone.TROUBLE,
        "A Secret that the spec names does not exist; create it or correct the name.",
    )
    SECRET_KEY_MISSING = (
        "SecretKeyMissing",
        Tone.TROUBLE,
        "A Secret lacks the key that the spec needs; add the key or correct the reference.",
    )
    SECRET_VALUE_INVALID = (
        "SecretValueInvalid",
        Tone.TROUBLE,
        "A value in a Secret cannot be used; correct it as the message says.",
    )
    SECRET_UNREADABLE = (
        "SecretUnreadable",
        Tone.TROUBLE,
        (
            "The API server has not told for a while what a Secret says; ask who runs the cluster "
            "(where Secrets are encrypted, its key service may be away)."
        ),
    )

    # The pods.
    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        Tone.TROUBLE,
        "A node cannot pull the image; check spec.image, the registry and spec.imagePullSecrets.",
    )
    CRASH_LOOPING = (
        "CrashLooping",
        Tone.TROUBLE,
        "The container ends again and again; read its last logs with kubectl logs --previous.",
    )
    OUT_OF_MEMORY = (
        "OutOfMemory",
        Tone.TROUBLE,
        "The container was killed at its memory limit; raise spec.resources.limits.memory.",
    )
    POD_CONFIGURATION_INVALID = (
        "PodConfigurationInvalid",
        Tone.TROUBLE,
        "The container cannot be made from its settings; check what spec.pod refers to.",
    )
    POD_NOT_STARTED = (
        "PodNotStarted",
        Tone.TROUBLE,
        (
            "A pod has a node, and its containers do not start: its image comes slowly, an init "
            "container that was added does not end, or a volume is missing; check the ConfigMaps "
            "and Secrets that the spec names."
        ),
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        Tone.TROUBLE,
        (
            "No node takes a pod; add nodes, or lower spec.resources.requests or the demands of "
            "spec.pod."
        ),
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        Tone.TROUBLE,
        "The namespace's quota refuses a pod; raise the quota or ask for less.",
    )
    PODS_REFUSED = (
        "PodsRefused",
        Tone.TROUBLE,
        (
            "An admission policy refuses the pods; read the message, then change the policy or "
            "spec.pod."
        ),
    )
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        Tone.TROUBLE,
        (
            "The new revision made no progress within spec.rollout.progressDeadlineSeconds; find "
            "why its pods are not ready, or go back to the earlier spec."
        ),
    )
    ROLLED_BACK = (
        "RolledBack",
        Tone.TROUBLE,
        (
            "The new revision failed and the stable one serves; read the message, then apply a "
            "corrected spec, or try again with the annotation headlesscms.io/retry."
        ),
    )
    PINNED = (
        "Pinned",
        Tone.TROUBLE,
        (
            "Somebody has rolled back to an earlier revision, which holds although the spec asks "
            "for another one; apply another spec, or go on with the annotation "
            "headlesscms.io/retry."
        ),
    )
    ANALYSIS_FAILED = (
        "AnalysisFailed",
        Tone.TROUBLE,
        (
            "The new revision was measured to be worse and the stable one serves; read the "
            "message, then apply a corrected spec, or try again with the annotation "
            "headlesscms.io/retry."
        ),
    )
    FEWER_PODS = (
        "FewerPods",
        Tone.TROUBLE,
        "Some pods answer, but fewer than are wanted; the message and Progressing say why.",
    )
    NO_PODS = "NoPods", Tone.TROUBLE, "No pod answers; the message and Progressing say why."

    # The rest.
    INVALID_SPEC = (
        "InvalidSpec",
        Tone.LEFT_ALONE,
        "The spec cannot be used and nothing was changed; correct the fields in the message.",
    )
    CHILDREN_TOO_LARGE = (
        "ChildrenTooLarge",
        Tone.LEFT_ALONE,
        (
            "Objects that name this HeadlessCMS as their owner are larger together than what is "
            "kept in memory of one, and nothing was changed; delete those that the operator did "
            "not make, or keep fewer old revisions and smaller ones."
        ),
    )
    MIGRATION_FAILED = (
        "MigrationFailed",
        Tone.TROUBLE,
        (
            "The migration Job failed and the old revision goes on serving; read the message and "
            "the Job's logs."
        ),
    )
    CONTRACT_FAILED = (
        "ContractFailed",
        Tone.TROUBLE,
        (
            "The contract Job failed, everything goes on serving and the Job is tried again; read "
            "the message and the Job's logs, then mend the data or release an image whose contract "
            "is corrected."
        ),
    )
    SCHEMA_TOO_NEW = (
        "SchemaTooNew",
        Tone.TROUBLE,
        (
            "The image is older than what the database's schema allows and was not started; apply "
            "a newer image, or restore the database and ask for a migration with the annotation "
            "headlesscms.io/migrate."
        ),
    )
    RELEASE_SKIPPED = (
        "ReleaseSkipped",
        Tone.TROUBLE,
        (
            "The image's migration would break the revision that serves; release the image in "
            "between first, as the message says."
        ),
    )
    DATABASE_OWNED = (
        "DatabaseOwned",
        Tone.TROUBLE,
        (
            "The database belongs to another HeadlessCMS and was left alone; give this one its own "
            "database, or hand it over with the annotation headlesscms.io/take-over-database."
        ),
    )
    TOO_MANY_CONNECTIONS = (
        "TooManyConnections",
        Tone.TROUBLE,
        (
            "The pods' pools can ask for more connections than the database allows; lower "
            "spec.database.poolSize or the replicas, or raise max_connections."
        ),
    )
    NAME_TAKEN = (
        "NameTaken",
        Tone.TROUBLE,
        (
            "A child's name belongs to an object that this HeadlessCMS did not make and that is "
            "left alone; delete or rename that object, or rename the HeadlessCMS; what an earlier "
            "life of it has left it takes over by the annotation headlesscms.io/adopt."
        ),
    )
    STILL_ENDING = (
        "StillEnding",
        Tone.TROUBLE,
        (
            "A child's name belongs to what is left of a HeadlessCMS or another object that was "
            "deleted; wait until it has gone, and if that never comes mend what its finalizers "
            "wait for."
        ),
    )
    API_REFUSED = (
        "ApiRefused",
        Tone.TROUBLE,
        "The API server refuses a child; read the message, and check the operator's rights.",
    )
    MISSING_API = (
        "MissingApi",
        Tone.TROUBLE,
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
