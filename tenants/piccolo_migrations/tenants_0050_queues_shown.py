"""The board shows who waits."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run

ID = "2026-11-23T18:40:00:000050"
VERSION = "1.38.0"
DESCRIPTION = "Queues on the live board."

# As before, with the columns of the queue.
SHOW_CALLS = """
CREATE OR REPLACE FUNCTION show_calls(tenants uuid[], batches jsonb[]) RETURNS void
LANGUAGE plpgsql AS $$
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
            answered_at, employee_id, terminal_id, queue, queued_at, priority)
        SELECT tenants[i], call_id, direction, caller, called, state, started_at, answered_at,
            employee_id, terminal_id, queue, queued_at, priority
        FROM jsonb_populate_recordset(NULL::live_calls, batches[i] -> 'present')
        ON CONFLICT (call_id, employee_id) DO UPDATE
        SET (state, answered_at, terminal_id, queue, queued_at, priority) = (EXCLUDED.state,
            EXCLUDED.answered_at, EXCLUDED.terminal_id, EXCLUDED.queue, EXCLUDED.queued_at,
            EXCLUDED.priority);
    END LOOP;
    PERFORM set_config('app.tenant_id', before, true);
END $$;
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, SHOW_CALLS)
