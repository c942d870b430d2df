"""From which region a number is: the plan in both cores, the names of subjects, the files."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.regions import SUBJECTS, subjects_in
from core.routing.tables import SLOW, the_core
from tenants.numbering import UnusableNumbering, read
from tenants.regions import Regions

CORES = pytest.mark.parametrize("core", [SLOW, the_core], ids=["slow", "fast"])
FILES = Path(__file__).parents[2] / "golden" / "numbering"
LAST = 10**10 - 1


def plan(core, *pairs):
    """Edges with their subjects."""
    edges, subjects = array("Q"), array("H")
    for edge, code in pairs:
        edges.append(edge)
        subjects.append(code)
    return core.NumberingPlan(edges.tobytes(), subjects.tobytes())


@CORES
def test_a_number_has_the_subjects_of_the_edge_before_it(core):
    found = plan(core, (9_000_000_000, 23), (9_000_062_000, 61), (9_160_000_000, 77 * 256 + 50))
    expected = {
        78_999_999_999: (),
        79_000_000_000: (23,),
        79_000_061_999: (23,),
        79_000_062_000: (61,),
        79_159_999_999: (61,),  # what holds at the end of an area goes on in the next
        79_161_234_567: (50, 77),
        89_161_234_567: (),
        380_441_234_567: (),
        0: (),
    }
    assert {number: found.subjects(number) for number in expected} == expected


@settings(max_examples=300)
@given(
    edges=st.lists(st.integers(0, LAST), unique=True, max_size=60).map(sorted),
    data=st.data(),
)
def test_both_find_the_same(edges, data):
    codes = data.draw(st.lists(st.integers(0, 95 * 257), min_size=len(edges), max_size=len(edges)))
    slow, fast = (plan(core, *zip(edges, codes, strict=True)) for core in (SLOW, the_core))
    near = [edge + step for edge in edges for step in (-1, 0, 1) if edge]
    numbers = st.one_of(st.integers(0, 2**63), st.sampled_from(near or [0]))
    for number in data.draw(st.lists(numbers, min_size=1, max_size=20)):
        for digits in (number, 7 * 10**10 + number % 10**10):
            assert fast.subjects(digits) == slow.subjects(digits)


@CORES
@pytest.mark.parametrize(
    ("edges", "subjects"),
    [
        ((1, 2), (1,)),
        ((2, 1), (1, 2)),
        ((1, 1), (1, 2)),
        ((10**10,), (1,)),
    ],
)
def test_plans_that_are_none_are_refused(core, edges, subjects):
    with pytest.raises(ValueError):
        core.NumberingPlan(array("Q", edges).tobytes(), array("H", subjects).tobytes())


@CORES
def test_a_second_subject_without_a_first_is_one_subject(core):
    for code in (1, 50):
        assert plan(core, (0, code * 256)).subjects(79_161_234_567) == (code,)


@CORES
def test_the_last_numbers_of_all_have_their_edges(core):
    found = plan(core, (9_999_900_000, 23), (9_999_950_000, 61), (LAST, 77))
    numbers = (79_999_899_999, 79_999_900_000, 79_999_950_000, 79_999_999_998, 79_999_999_999)
    assert [found.subjects(number) for number in numbers] == [(), (23,), (61,), (61,), (77,)]


@CORES
def test_an_empty_plan_knows_nothing(core):
    assert core.NumberingPlan(b"", b"").subjects(79_161_234_567) == ()


def test_there_are_89_subjects_and_each_knows_its_own_name():
    assert len(SUBJECTS) == 89
    assert {code: subjects_in(subject.name) for code, subject in SUBJECTS.items()} == {
        code: (code,) for code in SUBJECTS
    }


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("Ханты - Мансийский - Югра АО", (86,)),
        ("Ямало-Ненецкий АО", (89,)),
        ("Ненецкий АО", (83,)),
        ("Архангельская область * Ненецкий автономный округ", (29, 83)),
        ("г. Москва и Московская область", (50, 77)),
        ("Московская область * Москва|Московская область * Москва", (50, 77)),
        ("г. Санкт-Петербург * Ленинградская область", (47, 78)),
        ("Республика Крым * г. Севастополь", (91, 92)),
        ("Корякский округ|Камчатский край", (41,)),
        ("Луга́нская Наро́дная Респу́блика", (94,)),
        ("Сахалинская обл.", (65,)),
        ("Республика Саха /Якутия/", (14,)),
        ("Алтайский край", (22,)),
        ("Томская обл.", (70,)),
        ("Омская обл.", (55,)),
        ("Нижегородская обл.", (52,)),
        ("Российская Федерация", ()),
        ("Казахстан", ()),
        ("", ()),
    ],
)
def test_the_names_that_the_registry_uses(name, codes):
    assert subjects_in(name) == codes


@CORES
def test_files_become_a_plan(core):
    found = read(FILES)
    regions = core.NumberingPlan(found.edges, found.subjects)
    expected = {
        "+79000000000": (23,),
        "+79000062500": (61,),
        "+79000063000": (23,),
        "+79000099999": (23,),
        "+79000100000": (),  # a gap
        "+79000200000": (23,),
        "+79000300000": (),
        "+79161234567": (50, 77),
        "+79170000000": (),  # nationwide
        "+79175500000": (),
        "+74951234567": (77,),
        "+74960000000": (),
    }
    assert {number: regions.subjects(core.digits(number)) for number in expected} == expected


def test_what_cannot_be_used_is_reported():
    report = read(FILES).report
    assert report.rows == 12
    assert report.unmapped == {"Тридевятое царство": 1}
    assert report.malformed == ("DEF-9xx.csv:10", "DEF-9xx.csv:11", "DEF-9xx.csv:12")
    assert report.overlapping == ("DEF-9xx.csv:9",)


def test_a_quote_that_is_not_closed_costs_its_own_row_only(tmp_path):
    rows = [f"900;{n * 10};{n * 10 + 9};10;X;Тверская обл.;1" for n in range(6)]
    rows[1] = '900;10;19;10;"X;Тверская обл.;1'
    (tmp_path / "DEF.csv").write_text("\n".join(rows))
    found = read(tmp_path)
    assert found.ranges == 5
    assert found.report.malformed == ("DEF.csv:2",)


def test_neighbours_with_the_same_region_are_one(tmp_path):
    rows = "".join(f"900;{n * 10};{n * 10 + 9};10;X;Тверская обл.;1\n" for n in range(1000))
    (tmp_path / "DEF.csv").write_text(rows)
    found = read(tmp_path)
    assert found.ranges == 1000
    assert len(found.edges) == 2 * 8


def test_a_folder_without_a_plan(tmp_path):
    (tmp_path / "other.csv").write_text("hello;world\n")
    with pytest.raises(UnusableNumbering):
        read(tmp_path)


def test_without_a_plan_fixed_lines_have_their_region_and_mobiles_none():
    regions = Regions()
    assert regions.of("+78123334455") == (78,)
    assert regions.of("+73422223344") == (59,)
    for number in ("+79161234567", "+4930123456", "+77272334455", "+7", None):
        assert regions.of(number) == ()
