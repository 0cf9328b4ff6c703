"""The API server refuses some of the children: one message names them all, the rest is made."""

from collections.abc import Mapping
from typing import Any, cast

from cms_operator.api import parse
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.writing.apply import Applier
from cms_operator.observed.family import Family
from cms_operator.reconcile.children import Children
from cms_operator.reconcile.subject import Subject
from cms_operator.rollout.decision import Decision, DecisionPhase
from tests.support.specs import manifest
from tests.unit.rollout.pictures import NOON

SUBJECT = Subject(parse(manifest()), Family(), {}, NOON)
DECISION = Decision(phase=DecisionPhase.HEALTHY, target="a", stable="a")


class Server:
    """Takes what is written, but for some kinds."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.made: list[str] = []

    def known(self, _: Mapping[str, Any]) -> None:
        return None

    async def apply(self, child: Mapping[str, Any], _: str) -> bool:
        if child["kind"] in self.refused:
            raise ApiError(403, "Forbidden", "not allowed")
        self.made.append(child["kind"])
        return True


async def told(server: Server) -> str:
    children = Children(cast(Applier, server), "headlesscms-system")
    problem = await children.apply(SUBJECT, DECISION, (), None)
    return problem.message if problem else ""


async def test_where_all_are_taken_nothing_is_told() -> None:
    server = Server()
    assert await told(server) == ""
    assert {"ServiceAccount", "Service"} <= {*server.made}


async def test_one_refusal_is_told_in_whole_and_the_other_kinds_are_named() -> None:
    server = Server("ServiceAccount", "Service")
    message = await told(server)
    assert message.startswith("The API server refuses a ServiceAccount: not allowed. ")
    assert message.endswith(" The same holds for: Service.")
    assert not {"ServiceAccount", "Service"} & {*server.made}


async def test_a_single_refusal_names_no_other() -> None:
    assert "The same holds" not in await told(Server("Service"))
