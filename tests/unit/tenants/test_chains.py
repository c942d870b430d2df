"""Chains are refused before anything is rendered."""

import pytest

from core.errors import FieldError
from core.ids import new_id
from tenants.services.chains import FilePart, Pause, plays


def test_a_chain_plays_as_long_as_its_parts():
    file = new_id()
    assert plays((FilePart(file), Pause(500), FilePart(file)), {file: 1000}) == 2500


def test_fifty_times_a_long_file_are_too_long_although_each_is_not():
    file = new_id()
    assert plays((FilePart(file),) * 2, {file: 600_000}) == 1_200_000
    for chain in ((FilePart(file),) * 50, (FilePart(file), FilePart(file), Pause(100))):
        with pytest.raises(FieldError) as caught:
            plays(chain, {file: 600_000})
        assert "20 minutes" in caught.value.message


def test_a_chain_names_files_that_are_there():
    with pytest.raises(FieldError):
        plays((FilePart(new_id()),), {new_id(): 1000})
