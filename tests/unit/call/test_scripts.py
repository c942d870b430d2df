"""All stories in virtual time."""

import pytest

from tests.scripts import everything
from tests.support.script_virtual import run

STORIES = [story for story in everything() if story.virtual]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.id)
def test_story(story):
    run(story)
