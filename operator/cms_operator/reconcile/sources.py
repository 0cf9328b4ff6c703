"""The source Secrets, the revision that they and the spec ask for, and why there is none."""

from datetime import datetime, timedelta
from functools import partial

from cms_operator.api.conditions import ConditionType, Reason
from cms_operator.api.problem import Problem
from cms_operator.api.timestamps import to_text
from cms_operator.cluster.kinds import SECRET
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.observability.measuring import phase
from cms_operator.reconcile.migration.status import known_migration
from cms_operator.reconcile.refusals import refusal
from cms_operator.reconcile.source_secrets import Late, SourceSecrets
from cms_operator.reconcile.work import Work, schemas_with
from cms_operator.reporting.facts import PATIENCE
from cms_operator.resources import names
from cms_operator.resources.revision import spec_hash
from cms_operator.resources.sources.sources import SourceError, Sources, required_secrets
from cms_operator.rollout.wanted import Situation, wanted_revision

# For this long a serving CMS may go on with the last known values of its Secrets.
LONGEST_SILENCE = timedelta(minutes=5)


@phase("sources")
async def look_up_sources(work: Work, secrets: SourceSecrets) -> None:
    """Fill in the sources, the wanted revision and what is wrong with the Secrets.

    Raises ApiError where the server is to blame, and none of this object.
    """
    refs = required_secrets(work.hcms.spec)
    try:
        # A key is drawn once: not because of a Secret that was completed a moment ago.
        keyless = names.jwt_secret(work.hcms.name) not in work.family.of_kind(SECRET.name)
        values = await secrets.read(work.key, refs.names, work.now, live=keyless)
        if late := secrets.late(work.key):
            work.secrets_problem = unheard(late, work.now, known=True)
            work.try_again(ConditionType.SECRETS_READY)
        work.sources = work.parsed.sources(values)
        _want(work, work.sources)
    except SourceError as error:
        first = error.problems[0]
        work.secrets_problem = Problem(first.reason, str(error))
        work.try_again(ConditionType.SECRETS_READY)
        secrets.expire_of(work.key)
    except ApiError as error:
        late = secrets.late(work.key) if error.is_worth_retrying else None
        work.secrets_problem = (
            unheard(late, work.now, known=False) if late else refusal(error, "Secret")
        )
        if not work.secrets_problem:
            raise
        work.try_again(ConditionType.SECRETS_READY)


def _want(work: Work, sources: Sources) -> None:
    named = partial(work.parsed.name_of, sources)
    schemas = schemas_with(work, known_migration(work.subject, sources, work.before.migration))
    asked = partial(spec_hash, work.hcms.spec)
    found = Situation(work.before, named, asked, work.revisions, work.now, schemas)
    work.wanted_of_spec = wanted_revision(found, () if work.hcms.spec.suspend else work.requests)
    restart = work.wanted_of_spec.restart
    work.revision = work.parsed.revision(sources, restart.value if restart else None)


def unheard(late: Late, now: datetime, *, known: bool) -> Problem | None:
    """What to report when the API server cannot tell a source Secret: nothing for a while.

    `known`: the last known values are in use, and the wait is longer.
    """
    if now - late.since < (LONGEST_SILENCE if known else PATIENCE):
        return None
    reason = Reason.SECRET_UNREADABLE
    since = to_text(late.since)
    what = f"The API server cannot tell a Secret since {since}: {late.error.message}."
    return Problem(reason, f"{what} {reason.advice}")
