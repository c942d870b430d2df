"""What calls leave behind, of many tenants in one transaction.

Each function goes through its batches in turn and sets the tenant before it writes, so row-level
security admits one tenant's rows at a time, as everywhere. They run with the rights of the caller.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run


ID = "2026-11-23T12:20:00:000013"
VERSION = "1.38.0"
DESCRIPTION = "Functions that write for many tenants."

# A batch: [{"event_id": …, "cdr": core.contracts.Cdr}, …]. What is there already stays as it is. Every
# column of calls that has the name of a field gets its value, those of later migrations too.
STORE_CALLS = """
CREATE FUNCTION store_calls(tenants uuid[], batches jsonb[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('app.tenant_id', true), '');
    stored bigint;
BEGIN
    FOR i IN 1 .. coalesce(cardinality(tenants), 0) LOOP
        PERFORM set_config('app.tenant_id', tenants[i]::text, true);
        WITH given AS MATERIALIZED (
            SELECT (entry ->> 'event_id')::uuid AS event_id, (entry -> 'cdr' ->> 'call_id')::uuid AS id,
                entry -> 'cdr' AS cdr
            FROM jsonb_array_elements(batches[i]) AS entry
        ), call AS (
            INSERT INTO calls
            SELECT stored.*
            FROM given, jsonb_to_record(cdr) AS at
                (started_at float8, ringing_at float8, answered_at float8, ended_at float8),
            jsonb_populate_record(NULL::calls, cdr || jsonb_build_object(
                'id', given.id,
                'started_at', to_timestamp(at.started_at),
                'ringing_at', to_timestamp(at.ringing_at),
                'answered_at', to_timestamp(at.answered_at),
                'ended_at', to_timestamp(greatest(at.started_at, at.ended_at))  -- clocks are set back
            )) AS stored
            ON CONFLICT (id) DO NOTHING
            RETURNING id, tenant_id
        ), new AS MATERIALIZED (
            SELECT call.id, call.tenant_id, given.event_id, given.cdr FROM call JOIN given USING (id)
        ), steps AS (
            INSERT INTO call_steps
                (tenant_id, call_id, seq, at, code, terminal_id, employee_id, address, data)
            SELECT new.tenant_id, new.id, s.seq, to_timestamp((s.step ->> 'at')::float8),
                s.step ->> 'code', (s.step ->> 'terminal_id')::uuid,
                (s.step ->> 'employee_id')::uuid, s.step ->> 'address',
                coalesce(s.step -> 'data', '{}')
            FROM new, jsonb_array_elements(new.cdr -> 'steps') WITH ORDINALITY AS s (step, seq)
        )
        INSERT INTO outbox (id, tenant_id, type, body, created_at)
        SELECT event_id, tenant_id, 'CallEnded',
            jsonb_build_object('type', 'CallEnded', 'id', event_id, 'tenant_id', tenant_id,
                'at', cdr -> 'ended_at', 'cdr', cdr),
            now()
        FROM new;
        GET DIAGNOSTICS stored = ROW_COUNT;
        IF stored > 0 THEN
            PERFORM pg_notify('sunsim_live',
                json_build_object('tenant_id', tenants[i], 'kind', 'calls')::text);
        END IF;
    END LOOP;
    PERFORM set_config('app.tenant_id', before, true);
END $$;
"""

# A batch: {"dirty": [call_id, …], "present": [row of live_calls, …]}: of these calls only the rows
# given are present. Rows are updated where they exist.
SHOW_CALLS = """
CREATE FUNCTION show_calls(tenants uuid[], batches jsonb[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE before text := coalesce(current_setting('app.tenant_id', true), '');
BEGIN
    FOR i IN 1 .. coalesce(cardinality(tenants), 0) LOOP
        PERFORM set_config('app.tenant_id', tenants[i]::text, true);
        DELETE FROM live_calls l
        USING jsonb_array_elements_text(batches[i] -> 'dirty') AS dirty (id)
        WHERE l.call_id = dirty.id::uuid AND NOT EXISTS (
            SELECT FROM jsonb_populate_recordset(NULL::live_calls, batches[i] -> 'present') AS p
            WHERE p.call_id = l.call_id AND p.employee_id IS NOT DISTINCT FROM l.employee_id);
        INSERT INTO live_calls (tenant_id, call_id, direction, caller, called, state, started_at,
            answered_at, employee_id, terminal_id)
        SELECT tenants[i], call_id, direction, caller, called, state, started_at, answered_at,
            employee_id, terminal_id
        FROM jsonb_populate_recordset(NULL::live_calls, batches[i] -> 'present')
        ON CONFLICT (call_id, employee_id) DO UPDATE SET (state, answered_at, terminal_id) =
            (EXCLUDED.state, EXCLUDED.answered_at, EXCLUDED.terminal_id);
    END LOOP;
    PERFORM set_config('app.tenant_id', before, true);
END $$;
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, STORE_CALLS, SHOW_CALLS)
