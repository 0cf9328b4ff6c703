"""What one reconcile works on and has found."""

import logging
from dataclasses import dataclass, field
from datetime import datetime

from cms_operator.api import HeadlessCMS
from cms_operator.api.conditions import ConditionType
from cms_operator.api.problem import Problem
from cms_operator.api.status import AdoptionStatus, JwtKeysStatus, MigrationStatus, Status
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import CONTROLLER_REVISION, Kind
from cms_operator.observed.family import Family, gather
from cms_operator.observed.schema import Schemas, known_schemas
from cms_operator.observed.snapshot import Request
from cms_operator.reconcile.analysis.analyses import Judgement
from cms_operator.reconcile.parsed import ParsedResource
from cms_operator.reconcile.retries import retry_after
from cms_operator.reconcile.subject import Subject
from cms_operator.resources import labels, names
from cms_operator.resources.children import controller_revision
from cms_operator.resources.revision import Revision
from cms_operator.resources.sources.sources import Sources
from cms_operator.rollout import decide
from cms_operator.rollout.confirmation import is_a_turn, takes_away
from cms_operator.rollout.decision import Decision
from cms_operator.rollout.wanted import WantedRevision, unchanged

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Work:
    """What one reconcile works on and has found, step by step."""

    parsed: ParsedResource
    before: Status
    now: datetime
    requests: tuple[Request, ...]
    migration: MigrationStatus | None = None
    keys: JwtKeysStatus | None = None
    adoption: AdoptionStatus | None = None
    """As they were reported before, until the step that acts on each tells anew."""

    family: Family = field(default_factory=Family)
    revisions: dict[str, Revision] = field(default_factory=dict)
    """By `take_family`, after each step that writes."""

    sources: Sources | None = None
    revision: Revision | None = None
    wanted_of_spec: WantedRevision | None = None
    secrets_problem: Problem | None = None
    """By the sources; the first three are None where they cannot be known."""

    contract_ends: bool = False
    """By the migration: a rollback waits until a contract has ended."""

    judgement: Judgement = field(default_factory=Judgement)
    """By the analysis, while a candidate is on trial."""

    children_problem: Problem | None = None
    """The first thing that any step could not make."""

    _again: list[float] = field(default_factory=list)

    @property
    def hcms(self) -> HeadlessCMS:
        return self.parsed.hcms

    @property
    def subject(self) -> Subject:
        return Subject(self.hcms, self.family, self.revisions, self.now)

    @property
    def key(self) -> Key:
        return Key(self.hcms.namespace, self.hcms.name)

    @property
    def target(self) -> str:
        """The wanted revision; where the spec's cannot be known, the one that was aimed at last."""
        return self.wanted.target

    @property
    def wanted(self) -> WantedRevision:
        return self.wanted_of_spec or unchanged(self.before)

    def take_family(self, store: Store) -> None:
        """Take the family from the store; own writes are in it."""
        self.family = family_of(store, self.key, self.hcms.metadata.uid)
        self.revisions = _recorded(self.family)

    @property
    def again(self) -> float | None:
        """Seconds after which to look once more; None where no step has asked for it."""
        return min(self._again, default=None)

    def look_again(self, seconds: float | None) -> None:
        if seconds is not None:
            self._again.append(seconds)

    def try_again(self, told_by: ConditionType) -> None:
        self._again.append(retry_after(self.before.conditions, told_by, self.now))

    def blocked(self, problem: Problem) -> None:
        """Note a problem with a child, of which the first is told, and when to try again."""
        self.children_problem = self.children_problem or problem
        self.try_again(ConditionType.CHILDREN_OWNED)


def family_of(store: Store, key: Key, uid: str, *kinds: Kind) -> Family:
    """All of it, or what is of some kinds."""
    api, job = labels.Component.API, labels.Component.MIGRATION
    return gather(store.children(key, *kinds), uid, api, job)


def schemas_of(work: Work) -> Schemas:
    return schemas_with(work, work.migration)


def schemas_with(work: Work, migration: MigrationStatus | None) -> Schemas:
    images = {name: found.image for name, found in work.revisions.items()}
    if work.revision is not None:
        images[work.revision.hash] = work.revision.image
    return known_schemas(work.before.revisions, images, migration)


def is_refused(work: Work) -> bool:
    """Whether the schema refuses the target; then the database and its Job stay as they are."""
    return decide.is_refused(work.before.stable_revision, work.target, schemas_of(work))


def has_migrated(work: Work) -> bool:
    """A migration of the image that the spec asks for has passed before."""
    return work.revision is not None and work.revision.hash in schemas_of(work).made_for


def takes_anything_away(work: Work, decision: Decision) -> bool:
    return takes_away(decision, work.family, names.service(work.hcms.name))


def is_to_be_recorded(work: Work, decision: Decision) -> bool:
    """Whether the status has to be written before this decision is acted on, in the next pass."""
    before = work.before
    return is_a_turn(before.stable_revision, before.rollout, decision)


def _recorded(family: Family) -> dict[str, Revision]:
    """The revisions as they were recorded, so that nothing since has changed their pods."""
    found = {}
    for name, record in family.by_revision(CONTROLLER_REVISION.name).items():
        try:
            found[name] = controller_revision.read(record)
        except ValueError:
            log.warning("ControllerRevision %s is not a record", record["metadata"]["name"])
    return found
