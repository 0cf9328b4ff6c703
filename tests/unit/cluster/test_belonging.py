"""Every child that is ever made is known as one by its owner and its name."""

from hypothesis import given

from cms_operator.cluster.belonging import Owner, owner_of
from cms_operator.cluster.kinds import CHILDREN
from cms_operator.resources.child_names import is_childs
from cms_operator.resources.children import service
from tests.support.children import Case, children, load
from tests.unit.resources.golden import CASES, FOLDER
from tests.unit.resources.test_names import NAMES

LOADED = [load(FOLDER / name / "input.yaml") for name in CASES]


def renamed(found: Case, name: str) -> Case:
    metadata = found.resource.metadata.model_copy(update={"name": name})
    resource = found.resource.model_copy(update={"metadata": metadata})
    return Case(resource, found.sources, found.revision)


@given(NAMES)
def test_every_child_of_every_name_has_a_childs_name(name: str) -> None:
    kinds = set()
    for found in LOADED:
        case = renamed(found, name)
        preview = service.build_preview(case.resource, case.revision.hash)
        for child in [*children(case), *([preview] if preview else [])]:
            owner = owner_of(child["metadata"])
            assert owner == Owner(name, case.resource.metadata.uid)
            assert is_childs(name, child["kind"], child["metadata"]["name"])
            kinds.add(child["kind"])
    assert kinds == {kind.name for kind in CHILDREN if kind.writable}
