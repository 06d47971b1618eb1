-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Jobs: adding, altering, deleting, running. What is dangerous in TimescaleDB's alter_job is dangerous here.

CREATE FUNCTION _timescaledb_stand_in.require_time_zone(name text) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM now() AT TIME ZONE name;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.require_fixed_schedule(schedule interval) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF extract(year FROM schedule) * 12 + extract(month FROM schedule) <> 0
        AND schedule <> date_trunc('month', schedule)
    THEN
        RAISE EXCEPTION 'month intervals cannot have day or time component' USING ERRCODE = '0A000',
            DETAIL = 'Fixed schedule jobs do not support such schedule intervals.',
            HINT = 'Express the interval in terms of days or time instead.';
    END IF;
END
$$;

-- The first slot of a fixed schedule after a moment: whole intervals from the initial start, in the job's time zone.
CREATE FUNCTION _timescaledb_stand_in.next_slot(
    initial_start timestamptz, schedule interval, timezone text, after timestamptz
) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    zone text := coalesce(timezone, 'UTC');
    first timestamp := initial_start AT TIME ZONE zone;
    present timestamp := after AT TIME ZONE zone;
    months integer := extract(year FROM schedule) * 12 + extract(month FROM schedule);
    count bigint;
BEGIN
    IF months > 0 THEN
        count := (extract(year FROM age(present, first)) * 12 + extract(month FROM age(present, first)))::integer
            / months - 1;
    ELSE
        count := floor(extract(epoch FROM present - first) / extract(epoch FROM schedule)) - 1;
    END IF;
    LOOP
        count := count + 1;
        EXIT WHEN first + count * schedule > present;
    END LOOP;
    RETURN (first + count * schedule) AT TIME ZONE zone;
END
$$;

-- Write when a job is to start next, as TimescaleDB does: also for a job that does not exist (1.1.5).
CREATE FUNCTION _timescaledb_stand_in.set_next_start(job_id integer, moment timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF moment = '-infinity' THEN
        RAISE EXCEPTION 'cannot set next start to -infinity' USING ERRCODE = '22023';
    END IF;
    LOCK TABLE _timescaledb_internal.bgw_job_stat IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO _timescaledb_internal.bgw_job_stat VALUES (
        job_id, '-infinity', '-infinity', moment, '-infinity', true, 0, '0', '0', 0, 0, 0, 0, 0
    ) ON CONFLICT ON CONSTRAINT bgw_job_stat_pkey DO UPDATE SET next_start = moment;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.check_config(check_schema name, check_name name, config jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF check_name IS NOT NULL AND config IS NOT NULL THEN
        EXECUTE format('SELECT %I.%I($1)', check_schema, check_name) USING config;
    END IF;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.insert_job(
    name text, schedule interval, max_runtime interval, retry_period interval, procedure name, owner regrole,
    hypertable_id integer, config jsonb, initial_start timestamptz, timezone text
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    number integer := nextval('@jobs@.bgw_job_id_seq');
BEGIN
    INSERT INTO @jobs@.bgw_job VALUES (
        number, format('%s [%s]', name, number), schedule, max_runtime, -1, retry_period, '@functions@', procedure,
        owner, true, initial_start IS NOT NULL, initial_start, hypertable_id, config, '@functions@',
        procedure || '_check', timezone
    );
    RETURN number;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.find_job(job_id integer, action text) RETURNS @jobs@.bgw_job
LANGUAGE plpgsql AS $$
DECLARE
    job @jobs@.bgw_job;
BEGIN
    IF job_id IS NULL THEN
        RAISE EXCEPTION 'job ID cannot be NULL' USING ERRCODE = '22023';
    END IF;
    SELECT * INTO job FROM @jobs@.bgw_job j WHERE j.id = job_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job % not found', job_id USING ERRCODE = '42704';
    ELSIF NOT _timescaledb_stand_in.has_owner_privileges(job.owner) THEN
        IF action = 'delete' THEN
            RAISE EXCEPTION 'insufficient permissions to delete job owned by "%"', -- since 2.21
            RAISE EXCEPTION 'insufficient permissions to delete job for user "%"', -- before 2.21
                pg_get_userbyid(job.owner) USING ERRCODE = '42501';
        END IF;
        RAISE EXCEPTION 'insufficient permissions to % job %', action, job_id USING ERRCODE = '42501',
            DETAIL = format('Job %s is owned by role "%s" but user "%s" does not belong to that role.',
                            job_id, pg_get_userbyid(job.owner), _timescaledb_stand_in.caller());
    END IF;
    RETURN job;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.alter_job(
    job_id integer, schedule_interval interval, max_runtime interval, max_retries integer, retry_period interval,
    scheduled boolean, config jsonb, next_start timestamptz, if_exists boolean, check_config regproc,
    fixed_schedule boolean, initial_start timestamptz, timezone text, job_name text,
    OUT job @jobs@.bgw_job, OUT upcoming timestamptz
) LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    old @jobs@.bgw_job;
    start timestamptz := initial_start;
BEGIN
    PERFORM _timescaledb_stand_in.require_license('alter_job');
    PERFORM _timescaledb_stand_in.require_time_zone(alter_job.timezone) WHERE alter_job.timezone IS NOT NULL;
    PERFORM _timescaledb_stand_in.require_writable('alter_job');
    IF if_exists AND NOT EXISTS (SELECT FROM @jobs@.bgw_job j WHERE j.id = alter_job.job_id) THEN
        RAISE NOTICE 'job % not found, skipping', job_id USING ERRCODE = '42704';
        RETURN;
    END IF;
    old := _timescaledb_stand_in.find_job(job_id, 'alter');
    job := old;
    job.schedule_interval := coalesce(alter_job.schedule_interval, job.schedule_interval);
    job.max_runtime := coalesce(alter_job.max_runtime, job.max_runtime);
    job.max_retries := coalesce(alter_job.max_retries, job.max_retries);
    job.retry_period := coalesce(alter_job.retry_period, job.retry_period);
    job.scheduled := coalesce(alter_job.scheduled, job.scheduled);
    job.config := coalesce(alter_job.config, job.config);
    IF check_config = 0 THEN
        job.check_schema := NULL;
        job.check_name := NULL;
    ELSIF check_config IS NOT NULL THEN
        SELECT nspname, proname INTO job.check_schema, job.check_name
        FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE pg_proc.oid = check_config;
    END IF;
    -- since 2.21 {
    IF job.proc_name = 'policy_refresh_continuous_aggregate' THEN
        PERFORM @functions@.policy_refresh_continuous_aggregate_check(job.config);
        IF _timescaledb_stand_in.check_overlap(job.hypertable_id, job.config, job.id) THEN
            RAISE EXCEPTION 'continuous aggregate refresh policy already exists for "%"', (
                SELECT user_view_name FROM _timescaledb_catalog.continuous_agg
                WHERE mat_hypertable_id = job.hypertable_id
            ) USING ERRCODE = '22023';
        END IF;
    END IF;
    -- }
    job.fixed_schedule := coalesce(alter_job.fixed_schedule, job.fixed_schedule); -- since 2.12
    IF (fixed_schedule AND NOT isfinite(coalesce(start, '-infinity'))) OR NOT isfinite(start) THEN
        start := now();
        RAISE NOTICE 'Using current time [%] as initial start for job %', start, job_id;
    END IF;
    job.initial_start := coalesce(start, job.initial_start);
    IF job_name IS NOT NULL THEN
        job.application_name := format('%s [%s]', job_name, job_id);
    END IF;
    -- Not kept where it is not passed.
    job.timezone := alter_job.timezone; -- since 2.12
    IF job.schedule_interval <> old.schedule_interval THEN
        -- A job that never ran has finished at -infinity, so that it is due at once.
        UPDATE _timescaledb_internal.bgw_job_stat s SET next_start = s.last_finish + job.schedule_interval
        WHERE s.job_id = job.id;
    END IF;
    PERFORM _timescaledb_stand_in.check_config(job.check_schema, job.check_name, job.config);
    UPDATE @jobs@.bgw_job j SET (
        application_name, schedule_interval, max_runtime, max_retries, retry_period, scheduled, fixed_schedule,
        initial_start, config, check_schema, check_name, timezone
    ) = (
        job.application_name, job.schedule_interval, job.max_runtime, job.max_retries, job.retry_period, job.scheduled,
        job.fixed_schedule, job.initial_start, job.config, job.check_schema, job.check_name, job.timezone
    ) WHERE j.id = job.id;
    IF fixed_schedule IS NOT NULL OR start IS NOT NULL OR alter_job.timezone IS NOT NULL THEN
        UPDATE _timescaledb_internal.bgw_job_stat s SET next_start = CASE
            WHEN job.fixed_schedule THEN _timescaledb_stand_in.next_slot(
                job.initial_start, job.schedule_interval, job.timezone, now()
            )
            ELSE s.last_finish + job.schedule_interval END
        WHERE s.job_id = job.id;
    END IF;
    IF next_start IS NOT NULL THEN
        PERFORM _timescaledb_stand_in.set_next_start(job_id, next_start);
    END IF;
    upcoming := coalesce(
        (SELECT s.next_start FROM _timescaledb_internal.bgw_job_stat s WHERE s.job_id = job.id), '-infinity'
    );
END
$$;

CREATE FUNCTION public.alter_job(
    job_id integer, schedule_interval interval DEFAULT NULL, max_runtime interval DEFAULT NULL,
    max_retries integer DEFAULT NULL, retry_period interval DEFAULT NULL, scheduled boolean DEFAULT NULL,
    config jsonb DEFAULT NULL, next_start timestamptz DEFAULT NULL, if_exists boolean DEFAULT false,
    check_config regproc DEFAULT NULL
    , fixed_schedule boolean DEFAULT NULL, initial_start timestamptz DEFAULT NULL -- since 2.12
    , timezone text DEFAULT NULL -- since 2.12
    , job_name text DEFAULT NULL -- since 2.20
    , config_merge jsonb DEFAULT NULL -- since 2.29
) RETURNS TABLE (
    job_id integer, schedule_interval interval, max_runtime interval, max_retries integer, retry_period interval,
    scheduled boolean, config jsonb, next_start timestamptz, check_config text
    , fixed_schedule boolean, initial_start timestamptz, timezone text -- since 2.12
    , application_name name -- since 2.20
) LANGUAGE sql AS $$
    SELECT (a.job).id, (a.job).schedule_interval, (a.job).max_runtime, (a.job).max_retries, (a.job).retry_period,
        (a.job).scheduled, (a.job).config, a.upcoming, (a.job).check_schema || '.' || (a.job).check_name
        , (a.job).fixed_schedule, (a.job).initial_start, (a.job).timezone -- since 2.12
        , (a.job).application_name -- since 2.20
    FROM _timescaledb_stand_in.alter_job(
        $1, $2, $3, $4, $5, $6
        , $7 -- before 2.29
        , coalesce($7, (SELECT b.config || $15 FROM @jobs@.bgw_job b WHERE b.id = $1)) -- since 2.29
        , $8, $9, $10
        , $11, $12, $13 -- since 2.12
        , NULL, NULL, NULL -- before 2.12
        , $14 -- since 2.20
        , NULL -- before 2.20
    ) a
$$;

CREATE FUNCTION public.add_job(
    proc regproc, schedule_interval interval, config jsonb DEFAULT NULL, initial_start timestamptz DEFAULT NULL,
    scheduled boolean DEFAULT true, check_config regproc DEFAULT NULL, fixed_schedule boolean DEFAULT true,
    timezone text DEFAULT NULL
    , job_name text DEFAULT NULL -- since 2.20
) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
    number integer;
    name text := 'User-Defined Action';
    owner regrole := quote_ident(_timescaledb_stand_in.caller())::regrole;
    start timestamptz := initial_start;
    zone text := timezone;
BEGIN
    PERFORM _timescaledb_stand_in.require_license('add_job');
    PERFORM _timescaledb_stand_in.require_writable('add_job');
    name := coalesce(job_name, name); -- since 2.20
    IF zone IS NOT NULL THEN
        PERFORM _timescaledb_stand_in.require_time_zone(zone);
    END IF;
    IF proc IS NULL THEN
        RAISE EXCEPTION 'function or procedure cannot be NULL' USING ERRCODE = '22023';
    ELSIF schedule_interval IS NULL THEN
        RAISE EXCEPTION 'schedule interval cannot be NULL' USING ERRCODE = '22023';
    END IF;
    IF fixed_schedule THEN
        PERFORM _timescaledb_stand_in.require_fixed_schedule(schedule_interval);
        start := CASE WHEN isfinite(start) THEN start ELSE now() END;
    END IF;
    PERFORM _timescaledb_stand_in.require_login(owner);
    number := nextval('@jobs@.bgw_job_id_seq');
    INSERT INTO @jobs@.bgw_job
    SELECT number, format('%s [%s]', name, number), schedule_interval, '0', -1, '5 min', n.nspname, p.proname, owner,
        scheduled, fixed_schedule, start, NULL, config, m.nspname, c.proname, zone
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    LEFT JOIN pg_proc c ON c.oid = check_config
    LEFT JOIN pg_namespace m ON m.oid = c.pronamespace
    WHERE p.oid = proc;
    IF start IS NOT NULL THEN
        PERFORM _timescaledb_stand_in.set_next_start(number, start);
    END IF;
    RETURN number;
END
$$;

CREATE FUNCTION public.delete_job(job_id integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER STRICT AS $$
BEGIN
    PERFORM _timescaledb_stand_in.require_license('delete_job');
    PERFORM _timescaledb_stand_in.require_writable('delete_job');
    PERFORM _timescaledb_stand_in.find_job(job_id, 'delete');
    PERFORM _timescaledb_stand_in.remove_job(job_id);
END
$$;

-- Remove a job with its statistics, and stop it where it runs.
CREATE FUNCTION _timescaledb_stand_in.remove_job(number integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_cancel_backend(a.pid)
    FROM pg_stat_activity a JOIN @jobs@.bgw_job j ON j.application_name = a.application_name
    WHERE j.id = number AND a.datname = current_database() AND a.pid <> pg_backend_pid();
    DELETE FROM _timescaledb_internal.bgw_job_stat WHERE job_id = number;
    DELETE FROM @jobs@.bgw_job WHERE id = number;
END
$$;

CREATE PROCEDURE public.run_job(job_id integer) LANGUAGE plpgsql AS $$
DECLARE
    job @jobs@.bgw_job;
BEGIN
    PERFORM _timescaledb_stand_in.require_license('run_job');
    job := _timescaledb_stand_in.find_job(job_id, 'run');
    EXECUTE _timescaledb_stand_in.job_statement(job);
END
$$;

-- The statement that runs a job.
CREATE FUNCTION _timescaledb_stand_in.job_statement(job @jobs@.bgw_job) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('%s %I.%I(%s, %L::jsonb)', CASE prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END,
                  job.proc_schema, job.proc_name, job.id, job.config)
    FROM pg_proc WHERE oid = format('%I.%I', job.proc_schema, job.proc_name)::regproc
$$;
