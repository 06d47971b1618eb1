-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What the stand-in's scheduler asks: which jobs are due, and to run one.

CREATE FUNCTION _timescaledb_stand_in.due_jobs() RETURNS SETOF integer LANGUAGE sql STABLE AS $$
    SELECT j.id
    FROM _timescaledb_catalog.bgw_job j LEFT JOIN _timescaledb_internal.bgw_job_stat s ON s.job_id = j.id
    WHERE j.scheduled AND coalesce(s.next_start, '-infinity') <= clock_timestamp()
    ORDER BY j.id
$$;

-- Run a job as its owner, and write how it ended, and when it starts next.
CREATE FUNCTION _timescaledb_stand_in.run_due_job(number integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    job _timescaledb_catalog.bgw_job;
    told timestamptz := (SELECT next_start FROM _timescaledb_internal.bgw_job_stat WHERE job_id = number);
    failure text;
    later timestamptz;
BEGIN
    SELECT * INTO job FROM _timescaledb_catalog.bgw_job WHERE id = number;
    BEGIN
        PERFORM set_config('role', pg_get_userbyid(job.owner), true);
        PERFORM _timescaledb_stand_in.run_policy(job);
        PERFORM set_config('role', 'none', true);
    EXCEPTION WHEN OTHERS THEN
        failure := SQLERRM;
    END;
    later := CASE
        WHEN failure IS NOT NULL THEN clock_timestamp() + job.retry_period
        WHEN job.fixed_schedule
            THEN _timescaledb_stand_in.next_slot(job.initial_start, job.schedule_interval, job.timezone)
        ELSE clock_timestamp() + job.schedule_interval END;
    -- The job may have been deleted while it ran, and what was set meanwhile stays.
    INSERT INTO _timescaledb_internal.bgw_job_stat (job_id, next_start)
    SELECT id, later FROM _timescaledb_catalog.bgw_job WHERE id = number ON CONFLICT (job_id) DO NOTHING;
    UPDATE _timescaledb_internal.bgw_job_stat SET
        next_start = CASE WHEN next_start IS NOT DISTINCT FROM told THEN later ELSE next_start END,
        last_finish = clock_timestamp(),
        last_successful_finish = CASE WHEN failure IS NULL THEN clock_timestamp() ELSE last_successful_finish END,
        last_run_success = failure IS NULL,
        total_runs = total_runs + 1,
        total_failures = total_failures + (failure IS NOT NULL)::integer
    WHERE job_id = number;
    INSERT INTO _timescaledb_stand_in.failed_run (job_id, err_message)
    SELECT number, failure WHERE failure IS NOT NULL AND EXISTS (
        SELECT FROM _timescaledb_catalog.bgw_job WHERE id = number
    );
END
$$;
