-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The information views, with TimescaleDB's columns and texts.

CREATE VIEW timescaledb_information.hypertables AS
SELECT h.schema_name AS hypertable_schema, h.table_name AS hypertable_name, t.tableowner AS owner, h.num_dimensions,
    (SELECT count(*) FROM _timescaledb_stand_in.chunk c WHERE c.hypertable_id = h.id AND NOT c.osm_chunk) AS num_chunks,
    h.compression_state = 1 AS compression_enabled,
    false AS is_distributed, NULL::smallint AS replication_factor, NULL::name[] AS data_nodes, -- before 2.14
    NULL::name[] AS tablespaces
    , d.column_name AS primary_dimension, d.column_type AS primary_dimension_type -- since 2.20
FROM _timescaledb_stand_in.hypertable h
JOIN pg_tables t ON (t.schemaname, t.tablename) = (h.schema_name, h.table_name)
JOIN _timescaledb_catalog.dimension d ON d.id = (
    SELECT min(p.id) FROM _timescaledb_catalog.dimension p
    WHERE p.hypertable_id = h.id AND p.interval_length IS NOT NULL
)
WHERE h.compression_state <> 2
    AND NOT EXISTS (SELECT FROM _timescaledb_catalog.continuous_agg a WHERE a.mat_hypertable_id = h.id);

CREATE VIEW timescaledb_information.dimensions AS
SELECT h.schema_name AS hypertable_schema, h.table_name AS hypertable_name,
    rank() OVER (PARTITION BY d.hypertable_id ORDER BY d.id) AS dimension_number, d.column_name, d.column_type,
    CASE WHEN d.interval_length IS NULL THEN 'Space' ELSE 'Time' END AS dimension_type,
    CASE WHEN NOT _timescaledb_stand_in.is_integer(d.column_type) THEN @functions@.to_interval(d.interval_length) END
        AS time_interval,
    CASE WHEN _timescaledb_stand_in.is_integer(d.column_type) THEN d.interval_length END AS integer_interval,
    d.integer_now_func, d.num_slices AS num_partitions
FROM _timescaledb_stand_in.hypertable h JOIN _timescaledb_catalog.dimension d ON d.hypertable_id = h.id;

CREATE VIEW timescaledb_information.chunks AS
SELECT h.schema_name AS hypertable_schema, h.table_name AS hypertable_name, c.schema_name AS chunk_schema,
    c.table_name AS chunk_name, d.column_name AS primary_dimension, d.column_type AS primary_dimension_type,
    CASE WHEN NOT d.is_number THEN @functions@.to_timestamp(s.range_start) END AS range_start,
    CASE WHEN NOT d.is_number THEN @functions@.to_timestamp(s.range_end) END AS range_end,
    CASE WHEN d.is_number THEN s.range_start END AS range_start_integer,
    CASE WHEN d.is_number THEN s.range_end END AS range_end_integer,
    c.status & 1 = 1 AS is_compressed,
    t.spcname AS chunk_tablespace
    , NULL::name[] AS data_nodes -- before 2.14
    , c.creation_time AS chunk_creation_time -- since 2.13
FROM _timescaledb_stand_in.hypertable h
JOIN (
    SELECT DISTINCT ON (hypertable_id) *, _timescaledb_stand_in.is_integer(column_type) AS is_number
    FROM _timescaledb_catalog.dimension WHERE interval_length IS NOT NULL ORDER BY hypertable_id, id
) d ON d.hypertable_id = h.id
JOIN _timescaledb_stand_in.chunk c ON c.hypertable_id = h.id
JOIN _timescaledb_catalog.dimension_slice s ON s.chunk_id = c.id AND s.dimension_id = d.id
JOIN pg_namespace n ON n.nspname = c.schema_name
JOIN pg_class r ON r.relnamespace = n.oid AND r.relname = c.table_name
LEFT JOIN pg_tablespace t ON t.oid = r.reltablespace
WHERE NOT c.osm_chunk AND h.compression_state <> 2;

CREATE VIEW timescaledb_information.jobs AS
SELECT j.id AS job_id, j.application_name, j.schedule_interval, j.max_runtime, j.max_retries, j.retry_period,
    j.proc_schema, j.proc_name, j.owner, j.scheduled, j.fixed_schedule, j.config, s.next_start, j.initial_start,
    coalesce(a.user_view_schema, h.schema_name) AS hypertable_schema, -- since 2.20
    coalesce(a.user_view_name, h.table_name) AS hypertable_name, -- since 2.20
    h.schema_name AS hypertable_schema, h.table_name AS hypertable_name, -- before 2.20
    j.check_schema, j.check_name
FROM @jobs@.bgw_job j
LEFT JOIN _timescaledb_stand_in.hypertable h ON h.id = j.hypertable_id
LEFT JOIN _timescaledb_internal.bgw_job_stat s ON s.job_id = j.id
LEFT JOIN _timescaledb_catalog.continuous_agg a ON a.mat_hypertable_id = j.hypertable_id;

CREATE VIEW timescaledb_information.job_stats AS
SELECT h.schema_name AS hypertable_schema, h.table_name AS hypertable_name, j.id AS job_id,
    s.last_start AS last_run_started_at, s.last_successful_finish,
    CASE WHEN s.last_finish > '-infinity' THEN CASE WHEN s.last_run_success THEN 'Success' ELSE 'Failed' END END
        AS last_run_status,
    CASE WHEN a.state = 'active' THEN 'Running' WHEN NOT j.scheduled THEN 'Paused' ELSE 'Scheduled' END AS job_status,
    CASE WHEN s.last_finish > s.last_start THEN s.last_finish - s.last_start END AS last_run_duration,
    CASE WHEN j.scheduled THEN s.next_start END AS next_start,
    s.total_runs, s.total_successes, s.total_failures
FROM @jobs@.bgw_job j
LEFT JOIN _timescaledb_internal.bgw_job_stat s ON s.job_id = j.id -- since 2.23
JOIN _timescaledb_internal.bgw_job_stat s ON s.job_id = j.id -- before 2.23
LEFT JOIN _timescaledb_stand_in.hypertable h ON h.id = j.hypertable_id
LEFT JOIN pg_stat_activity a ON a.datname = current_database() AND a.application_name = j.application_name
ORDER BY h.schema_name, h.table_name;

-- The runs of one's own roles' jobs; the database's owner sees all.
CREATE VIEW _timescaledb_stand_in.visible_history WITH (security_barrier) AS
SELECT r.*, j.proc_schema AS job_schema, j.proc_name AS job_name,
    CASE
        WHEN r.succeeded IS NULL AND r.execution_finish IS NULL AND r.pid IS NULL
            THEN 'job crash detected, see server logs'
        WHEN r.succeeded IS NOT TRUE THEN r.data -> 'error_data' ->> 'message'
    END AS err_message
FROM _timescaledb_internal.bgw_job_stat_history r
LEFT JOIN @jobs@.bgw_job j ON j.id = r.job_id
WHERE pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'MEMBER')
    OR pg_has_role(current_user, j.owner, 'MEMBER');

CREATE VIEW timescaledb_information.job_errors WITH (security_barrier) AS
SELECT job_id, data -> 'job' ->> 'proc_schema' AS proc_schema, data -> 'job' ->> 'proc_name' AS proc_name, pid,
    execution_start AS start_time, execution_finish AS finish_time,
    data -> 'error_data' ->> 'sqlerrcode' AS sqlerrcode, err_message
FROM _timescaledb_stand_in.visible_history WHERE succeeded IS NOT TRUE;

-- since 2.15 {
CREATE VIEW timescaledb_information.job_history WITH (security_barrier) AS
SELECT id, job_id, succeeded, coalesce(data -> 'job' ->> 'proc_schema', job_schema) AS proc_schema,
    coalesce(data -> 'job' ->> 'proc_name', job_name) AS proc_name, pid, execution_start AS start_time,
    execution_finish AS finish_time, data -> 'job' -> 'config' AS config,
    data -> 'error_data' ->> 'sqlerrcode' AS sqlerrcode, err_message
FROM _timescaledb_stand_in.visible_history;
-- }

CREATE VIEW timescaledb_information.continuous_aggregates AS
SELECT h.schema_name AS hypertable_schema, h.table_name AS hypertable_name, a.user_view_schema AS view_schema,
    a.user_view_name AS view_name, pg_get_userbyid(v.relowner) AS view_owner, a.materialized_only,
    m.compressed_hypertable_id IS NOT NULL AS compression_enabled,
    m.schema_name AS materialization_hypertable_schema, m.table_name AS materialization_hypertable_name,
    pg_get_viewdef(to_regclass(format('%I.%I', a.direct_view_schema, a.direct_view_name))) AS view_definition
FROM _timescaledb_catalog.continuous_agg a
JOIN _timescaledb_stand_in.hypertable h ON h.id = a.raw_hypertable_id
JOIN _timescaledb_stand_in.hypertable m ON m.id = a.mat_hypertable_id
JOIN pg_class v ON v.oid = to_regclass(format('%I.%I', a.user_view_schema, a.user_view_name));

GRANT SELECT ON ALL TABLES IN SCHEMA timescaledb_information, _timescaledb_stand_in TO PUBLIC;
