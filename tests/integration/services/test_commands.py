"""The operator's commands, as a shell sees them: text, JSON, errors, exit codes."""

import json

import psycopg
import pytest
from msgspec import structs

from core.settings import DataSettings

ANOTHER = "01890000-0000-7000-8000-000000000000"
CREATE = (
    "tenant",
    "create",
    "Ромашка",
    "--name=Ольга Иванова",
    "--email=olga@romashka.example",
    "--phone=89161234567",
)


def test_from_a_carrier_to_a_company_with_a_number(sunsim, as_json):
    trunk = as_json("trunk", "add", "west", "--host=127.0.0.9", "--port=5090", "--max-calls=5")
    assert (trunk["networks"], trunk["max_calls"]) == (["127.0.0.9/32"], 5)
    assert as_json("number", "add", "84951110001", "--trunk=west")["e164"] == "+74951110001"
    as_json("number", "add", "+74951110002", "--city=Москва")
    made = as_json(*CREATE, "--number=+74951110001", "--extension=101")
    assert made["api_token"].startswith("sst_")
    assert len(made["password"]) >= 16
    assert [n["e164"] for n in made["numbers"]] == ["+74951110001"]
    assert len(made["employee"]["lines"]) == 3
    assert as_json("number", "assign", "+74951110002", "Ромашка")["scenario_name"] == "По умолчанию"
    holders = {n["e164"]: n["holder"] for n in as_json("number", "list")}
    assert holders == {"+74951110001": "Ромашка", "+74951110002": "Ромашка"}
    text = sunsim("number", "list").stdout.splitlines()
    assert text[0].split() == ["NUMBER", "TRUNK", "CITY", "CATEGORY", "HOLDER"]
    assert text[2].startswith("+7 495 111-00-02  -      Москва")
    assert [t["name"] for t in as_json("trunk", "list")] == ["west"]


def test_the_life_of_a_carrier(sunsim, as_json):
    added = as_json("trunk", "add", "west", "--host=sip.west.example", "--network=192.0.2.0/28")
    assert (added["port"], added["transport"], added["trusted"]) == (5060, "udp", True)
    tls = as_json("trunk", "add", "east", "--host=127.0.0.9", "--transport=tls", "--untrusted")
    assert (tls["port"], tls["transport"], tls["trusted"]) == (5061, "tls", False)
    assert "127.0.0.9:5061 tls" in sunsim("trunk", "list").stdout
    changed = as_json("trunk", "edit", "west", "--transport=tcp", "--check=30", "--name=north")
    assert changed == added | {"name": "north", "transport": "tcp", "check_seconds": 30}
    assert as_json("trunk", "edit", "north", "--max-calls=3")["max_calls"] == 3
    assert as_json("trunk", "edit", "north", "--max-calls=0")["max_calls"] is None
    assert sunsim("trunk", "disable", "north").stdout.endswith(" by tcp, 192.0.2.0/28 (disabled)\n")
    assert as_json("trunk", "enable", "north")["enabled"] is True
    assert as_json("trunk", "delete", "north") == {"deleted": "north"}
    assert "no trunk" in sunsim("trunk", "edit", "north", "--port=5", code=3).stderr
    sunsim("number", "add", "+74951110001", "--trunk=east")
    assert "disable it instead" in sunsim("trunk", "delete", "east", code=4).stderr


def test_without_calls_there_is_nothing_to_hang_up(sunsim, as_json):
    as_json(*CREATE)
    assert as_json("calls", "list", "--tenant=Ромашка") == []
    assert sunsim("calls", "list").stdout.split() == (
        ["ID", "TENANT", "DIRECTION", "CALLER", "CALLED", "STATE", "SINCE", "LEGS", "EMPLOYEES"]
    )
    assert sunsim("calls", "hangup", "--all").stdout == "no call was ended\n"
    sunsim("calls", "hangup", "--all", "--tenant=Василёк", code=3)
    sunsim("calls", "hangup", "4f1c2a9b", code=3)


def test_a_carrier_with_an_account(sunsim, as_json):
    words = ("trunk", "add", "west", "--host=127.0.0.9", "--login=sunsim", "--password-stdin")
    trunk = as_json(*words, "--register", "--check=30", "--numbers=national", stdin="s3cret\n")
    assert (trunk["login"], trunk["registers"], trunk["number_format"]) == ("sunsim", True, "national")
    assert "password" not in trunk
    as_json("trunk", "add", "east", "--host=127.0.0.8", "--untrusted", "--identity=none")
    sunsim("number", "add", "+74951110001", "--trunk=west")
    routed = sunsim("number", "route", "+74951110001", "east").stdout
    assert routed == "+74951110001: west, east\n"
    listed = sunsim("trunk", "list").stdout.splitlines()
    assert listed[0].split() == ["NAME", "ADDRESS", "NETWORKS", "CALLS", "ENABLED", "STATE"]
    assert listed[2].split()[-3:] == ["0/∞", "yes", "unknown"]


def test_companies_are_suspended_and_resumed_by_name_or_id(sunsim, as_json):
    tenant = as_json(*CREATE)["tenant"]
    assert "Ромашка is suspended" in sunsim("tenant", "suspend", "Ромашка").stdout
    assert [t["status"] for t in as_json("tenant", "list")] == ["suspended"]
    assert as_json("tenant", "resume", tenant["id"])["status"] == "active"


def test_a_password_may_be_given_on_stdin_but_not_as_an_argument(sunsim, as_json):
    made = as_json(*CREATE, "--password-stdin", stdin="ladoga-4711\n")
    assert made["password"] is None
    sunsim(*CREATE, "--password=ladoga-4711", code=2)


def test_failed_recordings_are_named_one_by_one_or_all(sunsim, as_json):
    as_json(*CREATE)
    assert as_json("recording", "failed", "--tenant=Ромашка") == []
    assert "no recording has failed" in sunsim("recording", "retry", "--all").stdout
    assert "Name one recording" in sunsim("recording", "retry", code=2).stderr
    assert "No such recording" in sunsim("recording", "retry", ANOTHER, code=3).stderr


def test_plugins_of_a_contract(sunsim, as_json):
    as_json(*CREATE)
    names = {p["name"] for p in as_json("plugin", "list")}
    assert {"ivr", "queue", "crm", "payments", "notifications"} <= names
    assert "crm" in as_json("plugin", "enable", "crm", "Ромашка")["plugins"]
    assert "crm" not in as_json("plugin", "disable", "crm", "Ромашка")["plugins"]
    states = {p["name"]: p["enabled"] for p in as_json("plugin", "list", "--tenant=Ромашка")}
    assert states["crm"] is False
    assert "disabled" in sunsim("plugin", "list", "--tenant=Ромашка").stdout


def test_tokens(sunsim, as_json):
    as_json(*CREATE)
    assert sunsim("token", "create", "billing").stdout.startswith("sso_")
    made = as_json("token", "create", "ERP", "--tenant=Ромашка", "--scope=calls:read")
    assert made["scopes"] == ["calls:read"]
    as_json("token", "revoke", made["id"], "Ромашка")
    listed = {t["name"]: t["revoked_at"] for t in as_json("token", "list", "Ромашка")}
    assert listed["ERP"] is not None
    assert listed["created with the company"] is None


def test_the_operators_own_tokens(sunsim, as_json):
    made = as_json("token", "create", "billing", "--scope=calls:read")
    assert "valid" in sunsim("token", "list").stdout
    assert sunsim("token", "revoke", made["id"]).stdout == "revoked\n"
    listed = {t["id"]: t["revoked_at"] for t in as_json("token", "list")}
    assert listed[made["id"]] is not None
    assert "revoked" in sunsim("token", "list").stdout
    sunsim("token", "revoke", made["id"], code=3)


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("tenant", "suspend", "nobody"), 3, "There is no tenant “nobody”."),
        (("number", "assign", "+74951110001", "nobody"), 3, "There is no tenant “nobody”."),
        (("number", "add", "abc"), 2, "e164: This is not a telephone number."),
        (("trunk", "test", "nobody"), 3, "There is no trunk “nobody”."),
        (("trunk", "add", "x", "--host=sip.example"), 2, "networks: Networks are addresses"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_code(sunsim, words, code, line):
    result = sunsim(*words, code=code)
    assert result.stdout == ""
    assert result.stderr.startswith(f"sunsim: {line}")
    assert result.stderr.count("\n") == 1
    as_json = sunsim(*words, "--json", code=code)
    assert json.loads(as_json.stdout)["message"].startswith(line)


def test_a_taken_number_is_a_conflict(sunsim, as_json):
    as_json("number", "add", "+74951110001")
    as_json(*CREATE, "--number=+74951110001")
    assert "not for sale" in sunsim("number", "assign", "+74951110001", "Ромашка", code=4).stderr


def test_a_carrier_that_is_silent(sunsim):
    sunsim("trunk", "add", "west", "--host=127.0.0.9", "--port=9")
    assert "does not answer" in sunsim("trunk", "test", "west", code=6).stderr


def test_the_database_is_migrated_backed_up_and_restored(sunsim, as_json, tmp_path):
    as_json("db", "migrate")  # what plugins there are; the core's tables are there already
    assert as_json("db", "migrate") == {"migrated": []}
    as_json(*CREATE)
    file = tmp_path / "backup.dump"
    told = as_json("db", "backup", str(file))
    assert told["bytes"] == file.stat().st_size > 0
    assert told["master_key"].endswith("master.key")
    as_json("tenant", "suspend", "Ромашка")
    refused = sunsim("db", "restore", str(file), code=1)
    assert "has tables already" in refused.stderr
    as_json("db", "restore", str(file), "--replace")
    assert [t["status"] for t in as_json("tenant", "list")] == ["active"]


def test_nothing_is_restored_under_a_running_service(sunsim, tmp_path, owner_dsn):
    file = tmp_path / "backup.dump"
    sunsim("db", "backup", str(file))
    with psycopg.connect(owner_dsn, application_name="sunsim"):
        result = sunsim("db", "restore", str(file), "--replace", code=4)
    assert "Stop it first" in result.stderr


@pytest.mark.parametrize("words", [("tenant", "list"), ("db", "backup", "x")], ids=" ".join)
def test_a_wrong_folder_stays_empty(sunsim, words, tmp_path):
    nowhere = tmp_path / "nowhere"
    result = sunsim(*words, code=3, data=DataSettings(dir=nowhere))
    assert result.stderr.startswith(f"sunsim: There is no database in the folder {nowhere}.")
    assert not nowhere.exists()


def test_a_database_that_is_not_there(sunsim, data_settings):
    away = structs.replace(data_settings, dsn="postgresql://sunsim@127.0.0.1:1/sunsim")
    result = sunsim("tenant", "list", code=6, data=away)
    assert result.stderr.startswith("sunsim: The database is not reachable")
