-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What the stand-in's scheduler asks and tells: which jobs are due, that one begins, how it ended.

-- Present while the scheduler is to start nothing.
CREATE TABLE _timescaledb_stand_in.stopped (since timestamptz NOT NULL);

CREATE FUNCTION @functions@.stop_background_workers() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$
    INSERT INTO _timescaledb_stand_in.stopped VALUES (now()) RETURNING true
$$;
CREATE FUNCTION @functions@.start_background_workers() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$
    DELETE FROM _timescaledb_stand_in.stopped;
    SELECT true
$$;
CREATE FUNCTION @functions@.restart_background_workers() RETURNS boolean LANGUAGE sql AS $$
    SELECT @functions@.start_background_workers()
$$;

CREATE FUNCTION public.timescaledb_pre_restore() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET timescaledb.restoring = ''on''', current_database());
    PERFORM set_config('timescaledb.restoring', 'on', false);
    RETURN @functions@.stop_background_workers();
END
$$;
CREATE FUNCTION public.timescaledb_post_restore() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET timescaledb.restoring = ''off''', current_database());
    PERFORM set_config('timescaledb.restoring', 'off', false);
    RETURN @functions@.restart_background_workers();
END
$$;

-- The jobs that come with the extension have nothing to do here, so that they never run.
CREATE FUNCTION _timescaledb_stand_in.due_jobs() RETURNS SETOF integer LANGUAGE sql STABLE AS $$
    SELECT j.id
    FROM @jobs@.bgw_job j LEFT JOIN _timescaledb_internal.bgw_job_stat s ON s.job_id = j.id
    WHERE j.id >= 1000 AND j.scheduled AND coalesce(s.next_start, '-infinity') <= clock_timestamp()
        AND NOT EXISTS (SELECT FROM _timescaledb_stand_in.stopped)
        -- Read from the database's settings, because the scheduler's session is older than a restore.
        AND NOT EXISTS (
            SELECT FROM pg_db_role_setting r JOIN pg_database d ON d.oid = r.setdatabase
            WHERE d.datname = current_database() AND 'timescaledb.restoring=on' = ANY (r.setconfig)
        )
    ORDER BY s.next_start NULLS FIRST, j.id
$$;

-- Mark a job as running, and tell how to run it; nothing where it is no longer due.
CREATE FUNCTION _timescaledb_stand_in.start_job(
    number integer, OUT statement text, OUT owner name, OUT application_name name, OUT timeout integer,
    OUT started timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    job @jobs@.bgw_job;
BEGIN
    SELECT * INTO job FROM @jobs@.bgw_job j WHERE j.id = number FOR NO KEY UPDATE;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM _timescaledb_stand_in.due_jobs() d WHERE d = number) THEN
        RETURN;
    END IF;
    started := clock_timestamp();
    -- Until it ends it counts as a crash, and its next start as not set.
    INSERT INTO _timescaledb_internal.bgw_job_stat AS s VALUES (
        number, started, '-infinity', '-infinity', '-infinity', false, 1, '0', '0', 0, 0, 1, 0, 1
    ) ON CONFLICT (job_id) DO UPDATE SET
        last_start = started, last_finish = '-infinity', next_start = '-infinity', last_run_success = false,
        total_runs = s.total_runs + 1, total_crashes = s.total_crashes + 1,
        consecutive_crashes = s.consecutive_crashes + 1;
    statement := _timescaledb_stand_in.job_statement(job);
    owner := pg_get_userbyid(job.owner);
    application_name := job.application_name;
    timeout := greatest(extract(epoch FROM job.max_runtime) * 1000, 0);
END
$$;

-- Write how a run ended, and when the next begins; an SQLSTATE is that of its error.
CREATE FUNCTION _timescaledb_stand_in.end_job(
    number integer, started timestamptz, error_code text, error_message text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    job @jobs@.bgw_job;
    stat _timescaledb_internal.bgw_job_stat;
    finished timestamptz := clock_timestamp();
    later timestamptz;
BEGIN
    SELECT * INTO job FROM @jobs@.bgw_job j WHERE j.id = number FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT * INTO stat FROM _timescaledb_internal.bgw_job_stat s WHERE s.job_id = number FOR UPDATE;
    stat.last_finish := finished;
    stat.total_crashes := stat.total_crashes - 1;
    stat.consecutive_crashes := 0;
    stat.last_run_success := error_code IS NULL;
    IF error_code IS NULL THEN
        stat.total_successes := stat.total_successes + 1;
        stat.consecutive_failures := 0;
        stat.last_successful_finish := finished;
        stat.total_duration := stat.total_duration + (finished - started);
        later := CASE
            WHEN job.fixed_schedule THEN
                _timescaledb_stand_in.next_slot(job.initial_start, job.schedule_interval, job.timezone, finished)
            ELSE finished + job.schedule_interval END;
    ELSE
        stat.total_failures := stat.total_failures + 1;
        stat.consecutive_failures := stat.consecutive_failures + 1;
        stat.total_duration_failures := stat.total_duration_failures + (finished - started);
        later := finished + least(job.retry_period * least(stat.consecutive_failures, 20), job.schedule_interval * 5);
        INSERT INTO _timescaledb_internal.bgw_job_stat_history (
            job_id, pid, execution_start, execution_finish, succeeded, data
        ) VALUES (number, pg_backend_pid(), started, finished, false, jsonb_build_object(
            'job', to_jsonb(job), 'error_data', jsonb_build_object('sqlerrcode', error_code, 'message', error_message)
        ));
        IF job.max_retries >= 0 AND stat.consecutive_failures >= job.max_retries THEN
            UPDATE @jobs@.bgw_job SET scheduled = false WHERE id = number;
        END IF;
    END IF;
    -- What was set while it ran, by itself or by another session, stays.
    IF stat.next_start = '-infinity' THEN
        stat.next_start := later;
    END IF;
    DELETE FROM _timescaledb_internal.bgw_job_stat s WHERE s.job_id = number;
    INSERT INTO _timescaledb_internal.bgw_job_stat SELECT stat.*;
END
$$;
