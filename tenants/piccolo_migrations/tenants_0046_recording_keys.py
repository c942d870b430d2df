"""What the database promises of recordings, which are written with their calls."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run

ID = "2026-11-23T18:30:00:000046"
VERSION = "1.38.0"
DESCRIPTION = "Keys of recordings."

KEYS = """
ALTER TABLE recordings
    ADD CONSTRAINT recordings_tenant_key UNIQUE (tenant_id, id),
    ADD CONSTRAINT recordings_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    ADD CONSTRAINT recordings_call_fkey FOREIGN KEY (tenant_id, call_id)
        REFERENCES calls (tenant_id, id),
    ADD CONSTRAINT recordings_state_check
        CHECK (state IN ('waiting', 'ready', 'empty', 'failed', 'deleted')),
    ADD CONSTRAINT recordings_kind_check CHECK (kind IN ('conversation', 'message'));
ALTER TABLE contracts
    ADD CONSTRAINT contracts_recording_form_check CHECK (recording_form IN ('mp3', 'opus'));
CREATE INDEX recordings_of_calls ON recordings (tenant_id, call_id);
CREATE INDEX recordings_by_time ON recordings (tenant_id, started_at DESC, id DESC);
CREATE INDEX recordings_due ON recordings (retry_at) WHERE state = 'waiting';
"""

# As before, and the rows of ``recordings`` of each call.
STORE_CALLS = """
CREATE OR REPLACE FUNCTION store_calls(tenants uuid[], batches jsonb[]) RETURNS void LANGUAGE plpgsql AS $$
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
        ), recorded AS (
            INSERT INTO recordings (id, tenant_id, call_id, kind, source, parts, started_at)
            SELECT (r ->> 'id')::uuid, new.tenant_id, new.id, r ->> 'kind', r ->> 'source',
                r -> 'parts',
                to_timestamp((r #>> '{parts,0,started_at}')::float8)
            FROM new, jsonb_array_elements(coalesce(new.cdr -> 'recordings', '[]')) AS r
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


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, KEYS, STORE_CALLS)
