"""Two builds of an image from the same files make the same image, byte for byte."""

import os

import pytest

from localcluster import baseimage, buildah, images, lock
from localcluster.errors import NoClusterError
from localcluster.progress import Progress

REQUIRED = os.environ.get("HCMS_REQUIRE_CLUSTER") == "1"
OURS = [source for source in images.SOURCES if source.name in {"operator", "api"}]


@pytest.mark.parametrize("source", OURS, ids=lambda source: source.name)
def test_an_image_can_be_built_again(source: images.Source) -> None:
    progress = Progress()
    names = [f"{source.repository}-again:{number}" for number in (1, 2)]
    with lock.held(buildah.LOCK, progress):
        try:
            base = baseimage.ensure(progress)
            for name in names:
                arguments = {"BASE_IMAGE": base}
                buildah.build(
                    name, source.dockerfile, source.context, arguments, progress, fresh=True
                )
            first, second = (buildah.layers(name) for name in names)
            assert first == second
            assert len({buildah.identity(name) for name in names}) == 1
        except NoClusterError as error:
            if REQUIRED:
                raise
            pytest.skip(error.message)
        finally:
            for name in names:
                buildah.remove(name)
            buildah.release()
