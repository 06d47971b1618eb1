-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Policies: making them, altering their jobs, deleting them. What is dangerous in TimescaleDB is dangerous here: a new
-- policy is due at once, non-positive intervals are taken, and alter_job empties the time zone.

CREATE FUNCTION _timescaledb_stand_in.add_policy(
    kind text, procedure name, relation regclass, config jsonb, schedule interval, max_runtime interval,
    retry_period interval, initial_start timestamptz, timezone text
) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    target integer := (_timescaledb_stand_in.own_hypertable(relation)).id;
    key text := CASE kind WHEN 'refresh' THEN 'mat_hypertable_id' ELSE 'hypertable_id' END;
    number integer;
BEGIN
    -- An aggregate may have several refresh policies.
    IF kind <> 'refresh' AND EXISTS (
        SELECT FROM _timescaledb_catalog.bgw_job j WHERE j.hypertable_id = target AND j.proc_name = procedure
    ) THEN
        RAISE EXCEPTION '% policy already exists for hypertable "%"', kind, relation USING ERRCODE = '42710';
    END IF;
    INSERT INTO _timescaledb_catalog.bgw_job AS j (
        schedule_interval, max_runtime, retry_period, proc_name, owner, fixed_schedule, initial_start, hypertable_id,
        config, timezone
    )
    SELECT schedule, add_policy.max_runtime, add_policy.retry_period, procedure, c.relowner,
        add_policy.initial_start IS NOT NULL, add_policy.initial_start, target,
        add_policy.config || jsonb_build_object(key, target), add_policy.timezone
    FROM pg_class c WHERE c.oid = relation
    RETURNING j.id INTO number;
    IF initial_start IS NOT NULL THEN
        PERFORM _timescaledb_stand_in.set_next_start(number, initial_start);
    END IF;
    RETURN number;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.set_next_start(number integer, moment timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE _timescaledb_internal.bgw_job_stat IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO _timescaledb_internal.bgw_job_stat (job_id, next_start) VALUES (number, moment)
    ON CONFLICT (job_id) DO UPDATE SET next_start = moment;
END
$$;

CREATE FUNCTION public.add_retention_policy(
    relation regclass, drop_after anyelement DEFAULT NULL::interval, schedule_interval interval DEFAULT NULL,
    initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL, drop_created_before interval DEFAULT NULL
) RETURNS integer LANGUAGE sql AS $$
    SELECT _timescaledb_stand_in.require_license('add_retention_policy');
    SELECT _timescaledb_stand_in.add_policy(
        'retention', 'policy_retention', relation,
        jsonb_strip_nulls(jsonb_build_object('drop_after', drop_after, 'drop_created_before', drop_created_before)),
        coalesce(schedule_interval, '1 day'), '5 min', '5 min', initial_start, timezone
    )
$$;

CREATE FUNCTION public.add_compression_policy(
    hypertable regclass, compress_after anyelement DEFAULT NULL::interval, schedule_interval interval DEFAULT NULL,
    initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL, compress_created_before interval DEFAULT NULL
) RETURNS integer LANGUAGE sql AS $$
    SELECT _timescaledb_stand_in.require_license('add_compression_policy');
    SELECT _timescaledb_stand_in.add_policy(
        'columnstore', 'policy_compression', hypertable, jsonb_strip_nulls(jsonb_build_object(
            'compress_after', compress_after, 'compress_created_before', compress_created_before
        )), coalesce(schedule_interval, '12:00:00'), '0', '1 hour', initial_start, timezone
    )
$$;

CREATE FUNCTION public.add_continuous_aggregate_policy(
    continuous_aggregate regclass, start_offset anyelement, end_offset anyelement, schedule_interval interval,
    initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL
) RETURNS integer LANGUAGE sql AS $$
    SELECT _timescaledb_stand_in.require_license('add_continuous_aggregate_policy');
    SELECT _timescaledb_stand_in.add_policy(
        'refresh', 'policy_refresh_continuous_aggregate', continuous_aggregate,
        jsonb_build_object('start_offset', start_offset, 'end_offset', end_offset),
        schedule_interval, '0', schedule_interval, initial_start, timezone
    )
$$;

-- A job that the caller may manage.
CREATE FUNCTION _timescaledb_stand_in.own_job(number integer, action text) RETURNS _timescaledb_catalog.bgw_job
LANGUAGE plpgsql STABLE AS $$
DECLARE
    job _timescaledb_catalog.bgw_job;
BEGIN
    PERFORM _timescaledb_stand_in.require_license(action || '_job');
    SELECT * INTO job FROM _timescaledb_catalog.bgw_job j WHERE j.id = number;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job % not found', number USING ERRCODE = '42704';
    END IF;
    PERFORM _timescaledb_stand_in.require_owner(
        job.owner, format('insufficient permissions to %s job %s', action, number)
    );
    RETURN job;
END
$$;

CREATE FUNCTION public.alter_job(
    INOUT job_id integer, INOUT schedule_interval interval DEFAULT NULL, INOUT max_runtime interval DEFAULT NULL,
    INOUT max_retries integer DEFAULT NULL, INOUT retry_period interval DEFAULT NULL,
    INOUT scheduled boolean DEFAULT NULL, INOUT config jsonb DEFAULT NULL, INOUT next_start timestamptz DEFAULT NULL,
    INOUT fixed_schedule boolean DEFAULT NULL, INOUT initial_start timestamptz DEFAULT NULL,
    INOUT timezone text DEFAULT NULL
) LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
    old _timescaledb_catalog.bgw_job := _timescaledb_stand_in.own_job(job_id, 'alter');
    is_moved boolean := num_nonnulls(fixed_schedule, initial_start, timezone) > 0;
    told timestamptz := next_start;
BEGIN
    IF NOT config ?| ARRAY['hypertable_id', 'mat_hypertable_id'] THEN
        RAISE EXCEPTION 'could not find hypertable_id in config for job' USING ERRCODE = '2203A';
    END IF;
    schedule_interval := coalesce(schedule_interval, old.schedule_interval);
    max_runtime := coalesce(max_runtime, old.max_runtime);
    max_retries := coalesce(max_retries, old.max_retries);
    retry_period := coalesce(retry_period, old.retry_period);
    scheduled := coalesce(scheduled, old.scheduled);
    config := coalesce(config, old.config);
    fixed_schedule := coalesce(fixed_schedule, old.fixed_schedule);
    initial_start := coalesce(initial_start, old.initial_start);
    -- The time zone is not kept where it is not passed.
    UPDATE _timescaledb_catalog.bgw_job j SET (
        schedule_interval, max_runtime, max_retries, retry_period, scheduled, config, fixed_schedule, initial_start,
        timezone
    ) = ROW (
        schedule_interval, max_runtime, max_retries, retry_period, scheduled, config, fixed_schedule, initial_start,
        timezone
    ) WHERE j.id = job_id;
    -- A job that never ran has finished at -infinity, so that another schedule makes it due at once.
    UPDATE _timescaledb_internal.bgw_job_stat s SET next_start = CASE
        WHEN is_moved AND fixed_schedule
            THEN _timescaledb_stand_in.next_slot(initial_start, schedule_interval, timezone)
        ELSE s.last_finish + schedule_interval END
    WHERE s.job_id = job_id AND (is_moved OR schedule_interval <> old.schedule_interval);
    IF told IS NOT NULL THEN
        PERFORM _timescaledb_stand_in.set_next_start(job_id, told);
    END IF;
    next_start := (SELECT s.next_start FROM _timescaledb_internal.bgw_job_stat s WHERE s.job_id = job_id);
END
$$;

-- The first slot of a fixed schedule from now on: whole intervals from the initial start, in the job's time zone.
CREATE FUNCTION _timescaledb_stand_in.next_slot(initial_start timestamptz, schedule interval, timezone text)
RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    zone text := coalesce(timezone, 'UTC');
    first timestamp := initial_start AT TIME ZONE zone;
    present timestamp := now() AT TIME ZONE zone;
BEGIN
    IF extract(month FROM schedule) + extract(year FROM schedule) = 0 THEN
        RETURN (date_bin(schedule, present, first) + schedule) AT TIME ZONE zone;
    END IF;
    RETURN (
        SELECT coalesce(min(slot), first) AT TIME ZONE zone
        FROM generate_series(first, present + schedule, schedule) slot WHERE slot > present
    );
END
$$;

CREATE FUNCTION public.delete_job(job_id integer) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
    DELETE FROM _timescaledb_catalog.bgw_job WHERE id = (_timescaledb_stand_in.own_job($1, 'delete')).id
$$;

CREATE PROCEDURE public.run_job(job_id integer) LANGUAGE sql AS $$
    SELECT _timescaledb_stand_in.run_policy(_timescaledb_stand_in.own_job($1, 'run'))
$$;

-- The moment that lies as far back as a key of a policy's config says, in the column's own count of time.
CREATE FUNCTION _timescaledb_stand_in.cutoff(job _timescaledb_catalog.bgw_job, key text) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    dimension _timescaledb_catalog.dimension := _timescaledb_stand_in.time_dimension(job.hypertable_id);
    present bigint;
BEGIN
    IF NOT job.config ? key THEN
        RETURN NULL;
    ELSIF NOT _timescaledb_stand_in.is_integer(dimension.column_type) THEN
        RETURN _timescaledb_stand_in.internal(now() - (job.config ->> key)::interval);
    END IF;
    EXECUTE format('SELECT %I.%I()', dimension.integer_now_func_schema, dimension.integer_now_func) INTO present;
    RETURN present - (job.config ->> key)::bigint;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.run_policy(job _timescaledb_catalog.bgw_job) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    CASE job.proc_name
    WHEN 'policy_retention' THEN
        PERFORM _timescaledb_stand_in.drop_chunk(k) FROM _timescaledb_stand_in.chunks_before(
            job.hypertable_id, _timescaledb_stand_in.cutoff(job, 'drop_after'),
            now() - (job.config ->> 'drop_created_before')::interval
        ) k;
    WHEN 'policy_compression' THEN
        PERFORM public.compress_chunk(k.relation) FROM _timescaledb_stand_in.chunks_before(
            job.hypertable_id, _timescaledb_stand_in.cutoff(job, 'compress_after'),
            now() - (job.config ->> 'compress_created_before')::interval
        ) k WHERE k.compressed_chunk_id IS NULL;
    WHEN 'policy_refresh_continuous_aggregate' THEN
        PERFORM _timescaledb_stand_in.refresh(
            job.hypertable_id, now() - (job.config ->> 'start_offset')::interval,
            now() - (job.config ->> 'end_offset')::interval
        );
    END CASE;
END
$$;
