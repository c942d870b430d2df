"""All stories that real telephones can play, many at the same time at one instance."""

import pytest
import pytest_asyncio

from tests.scripts import everything
from tests.support.script_real import troupe

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _param(story):
    marks = [pytest.mark.spec(*story.proves, at="call")] if story.proves else []
    return pytest.param(story, id=story.id, marks=marks)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def performances(instance, request):
    chosen = [
        item.callspec.params["story"] for item in request.session.items if item.module is request.module
    ]
    async with troupe(instance, chosen) as tasks:
        yield tasks


@pytest.mark.parametrize("story", [_param(story) for story in everything() if story.real])
async def test_story(performances, story):
    await performances[story.id]
