"""The numbering plan from the shell to the directory of calls, on a real database."""

import asyncio
import json
from pathlib import Path

from tenants import crosstenant
from tenants.directory import MemoryDirectory
from tenants.listener import Listener
from tenants.secrets import Vault
from tenants.services import numbering
from tenants.services.actor import operator
from tenants.tables import NumberingPlan

FILES = Path(__file__).parents[2] / "golden" / "numbering"


async def test_an_imported_plan_is_in_force_within_a_second_and_after_a_restart(
    database, data_settings, tmp_path
):
    listener = Listener(database.listen_connection)
    listener.start()
    await listener.wait_connected()
    directory = MemoryDirectory(database, listener, Vault.open(data_settings))
    await directory.start()
    assert directory.regions("+79161234567") == ()
    assert directory.regions("+78123334455") == (78,)  # libphonenumber's
    view = await numbering.load(database, operator("test"), FILES)
    assert view.ranges == 8
    await _until(lambda: directory.regions("+79161234567") == (50, 77))
    assert directory.regions("+78123334455") == ()  # the plan has no such area
    await directory.close()
    again = MemoryDirectory(database, listener, Vault.open(data_settings))
    await again.start()
    assert again.regions("+79161234567") == (50, 77)

    (tmp_path / "DEF.csv").write_text("916;0;9999999;10000000;X;Тверская обл.;1\n")
    await numbering.load(database, operator("test"), tmp_path)
    await _until(lambda: again.regions("+79161234567") == (69,))
    await again.close()
    await listener.stop()


async def test_few_plans_are_kept(database):
    for _ in range(5):
        last = await numbering.load(database, operator("test"), FILES)
    async with crosstenant.operator_session(database):
        assert await NumberingPlan.count() == 3
    assert (await numbering.present(database, operator("test"))).id == last.id


async def _until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def test_at_the_shell(sunsim, as_json):
    assert "No numbering plan" in sunsim("numbering", "show", code=3).output
    told = sunsim("numbering", "import", str(FILES)).stdout
    assert told.startswith("numbering: 8 ranges, imported ")
    assert "No such region: Тридевятое царство (1 rows)" in told
    assert "Rows that overlap others: 1, DEF-9xx.csv:9 first" in told
    shown = as_json("numbering", "show")
    assert shown["report"]["malformed_rows"] == 3
    assert json.dumps(shown, ensure_ascii=False).count("Тридевятое") == 1
    nothing = sunsim("numbering", "import", str(FILES.parent), code=1)
    assert "holds no file of the numbering plan" in nothing.output
