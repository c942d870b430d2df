"""All stories in virtual time."""

import pytest

from tests.scripts import everything
from tests.support.script_virtual import run


def _param(story):
    marks = [pytest.mark.spec(*story.proves, at="rule")] if story.proves else []
    return pytest.param(story, id=story.id, marks=marks)


@pytest.mark.parametrize("story", [_param(story) for story in everything() if story.virtual])
def test_story(story):
    run(story)
