-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The catalog: the schemas, tables and columns that programs read, under TimescaleDB's names.
-- Only the superuser writes to them; everybody may read them, except the history of other roles' jobs.

CREATE SCHEMA _timescaledb_catalog;
CREATE SCHEMA _timescaledb_config;
CREATE SCHEMA _timescaledb_internal;
CREATE SCHEMA _timescaledb_functions; -- since 2.12
CREATE SCHEMA timescaledb_information;
-- All that TimescaleDB does not have: what stands for its code in C.
CREATE SCHEMA _timescaledb_stand_in;
COMMENT ON SCHEMA _timescaledb_stand_in IS
    'This database has the SQL stand-in of entasis.engine, which simulates TimescaleDB. It is not TimescaleDB.';

GRANT USAGE ON SCHEMA _timescaledb_catalog, _timescaledb_config, _timescaledb_internal, timescaledb_information,
    _timescaledb_stand_in TO PUBLIC;
GRANT USAGE ON SCHEMA _timescaledb_functions TO PUBLIC; -- since 2.12

-- Hypertables and chunks have a table of the stand-in's and a view, because their columns depend on the version.
CREATE SEQUENCE _timescaledb_catalog.hypertable_id_seq;

CREATE TABLE _timescaledb_stand_in.hypertable (
    id integer PRIMARY KEY DEFAULT nextval('_timescaledb_catalog.hypertable_id_seq'),
    schema_name name NOT NULL,
    table_name name NOT NULL,
    associated_schema_name name NOT NULL,
    associated_table_prefix name NOT NULL,
    num_dimensions smallint NOT NULL,
    chunk_sizing_func_schema name NOT NULL DEFAULT '_timescaledb_functions',
    chunk_sizing_func_name name NOT NULL DEFAULT 'calculate_chunk_interval',
    chunk_target_size bigint NOT NULL DEFAULT 0,
    -- 0: no columnstore, 1: has one, 2: is one of another hypertable.
    compression_state smallint NOT NULL DEFAULT 0,
    compressed_hypertable_id integer,
    status integer NOT NULL DEFAULT 0,
    UNIQUE (table_name, schema_name),
    UNIQUE (associated_schema_name, associated_table_prefix)
);

CREATE TABLE _timescaledb_catalog.dimension (
    id serial PRIMARY KEY,
    hypertable_id integer NOT NULL REFERENCES _timescaledb_stand_in.hypertable ON DELETE CASCADE,
    column_name name NOT NULL,
    column_type regtype NOT NULL,
    aligned boolean NOT NULL,
    -- For a dimension by hash.
    num_slices smallint,
    partitioning_func_schema name,
    partitioning_func name,
    -- For a dimension by range; microseconds where the column is one of time.
    interval_length bigint CHECK (interval_length > 0),
    compress_interval_length bigint,
    integer_now_func_schema name,
    integer_now_func name,
    UNIQUE (hypertable_id, column_name),
    CHECK ((num_slices IS NULL) <> (interval_length IS NULL))
);

CREATE SEQUENCE _timescaledb_catalog.chunk_id_seq;

CREATE TABLE _timescaledb_stand_in.chunk (
    id integer PRIMARY KEY DEFAULT nextval('_timescaledb_catalog.chunk_id_seq'),
    hypertable_id integer NOT NULL REFERENCES _timescaledb_stand_in.hypertable,
    schema_name name NOT NULL,
    table_name name NOT NULL,
    compressed_chunk_id integer,
    -- Bit 0: compressed. Bit 2: frozen.
    status integer NOT NULL DEFAULT 0,
    osm_chunk boolean NOT NULL DEFAULT false,
    creation_time timestamptz NOT NULL,
    UNIQUE (schema_name, table_name)
);
CREATE INDEX chunk_hypertable_id_idx ON _timescaledb_stand_in.chunk (hypertable_id);

CREATE VIEW _timescaledb_catalog.hypertable AS
SELECT id, schema_name, table_name, associated_schema_name, associated_table_prefix, num_dimensions,
    chunk_sizing_func_schema, chunk_sizing_func_name, chunk_target_size
    , compression_state, compressed_hypertable_id, status -- before 2.29
    , NULL::smallint AS replication_factor -- before 2.14
    , 0::smallint AS compression_state, NULL::integer AS compressed_hypertable_id -- since 2.29
    , status | CASE compression_state WHEN 1 THEN 4 ELSE 0 END AS status -- since 2.29
FROM _timescaledb_stand_in.hypertable
WHERE compression_state <> 2 -- since 2.29
;

CREATE VIEW _timescaledb_catalog.chunk AS
SELECT id
    , format('%I.%I', schema_name, table_name)::regclass AS relid -- since 2.29
    , hypertable_id
    , schema_name, table_name, compressed_chunk_id -- before 2.29
    , false AS dropped -- before 2.26
    , status, osm_chunk
    , creation_time -- since 2.13
FROM _timescaledb_stand_in.chunk
WHERE hypertable_id NOT IN ( -- since 2.29
    SELECT h.id FROM _timescaledb_stand_in.hypertable h WHERE h.compression_state = 2 -- since 2.29
) -- since 2.29
;

CREATE TABLE _timescaledb_catalog.dimension_slice (
    id serial PRIMARY KEY,
    chunk_id integer NOT NULL REFERENCES _timescaledb_stand_in.chunk ON DELETE CASCADE,
    dimension_id integer NOT NULL REFERENCES _timescaledb_catalog.dimension ON DELETE CASCADE,
    range_start bigint NOT NULL,
    range_end bigint NOT NULL,
    UNIQUE (chunk_id, dimension_id)
);
CREATE INDEX dimension_slice_range_idx
    ON _timescaledb_catalog.dimension_slice (dimension_id, range_start, range_end);

CREATE TABLE _timescaledb_catalog.tablespace (
    id serial PRIMARY KEY,
    hypertable_id integer NOT NULL REFERENCES _timescaledb_stand_in.hypertable ON DELETE CASCADE,
    tablespace_name name NOT NULL
);

CREATE TABLE _timescaledb_catalog.compression_settings (
    relid regclass PRIMARY KEY,
    compress_relid regclass,
    segmentby text[],
    orderby text[],
    orderby_desc boolean[],
    orderby_nullsfirst boolean[],
    index jsonb
);

-- Jobs with numbers below 1000 come with the extension.
CREATE SEQUENCE @jobs@.bgw_job_id_seq MINVALUE 1000;

CREATE TABLE @jobs@.bgw_job (
    id integer PRIMARY KEY DEFAULT nextval('@jobs@.bgw_job_id_seq'),
    application_name name NOT NULL,
    schedule_interval interval NOT NULL,
    max_runtime interval NOT NULL,
    max_retries integer NOT NULL,
    retry_period interval NOT NULL,
    proc_schema name NOT NULL,
    proc_name name NOT NULL,
    owner regrole NOT NULL DEFAULT quote_ident(current_role)::regrole,
    scheduled boolean NOT NULL DEFAULT true,
    fixed_schedule boolean NOT NULL DEFAULT true,
    initial_start timestamptz,
    hypertable_id integer REFERENCES _timescaledb_stand_in.hypertable ON DELETE CASCADE,
    config jsonb,
    check_schema name,
    check_name name,
    timezone text
);
CREATE INDEX bgw_job_proc_hypertable_id_idx ON @jobs@.bgw_job (proc_schema, proc_name, hypertable_id);
CREATE VIEW _timescaledb_config.bgw_job AS TABLE _timescaledb_catalog.bgw_job; -- since 2.25

-- There is no foreign key to the job: TimescaleDB's own writes go around it, and leave a row for job -1 (fact 1.1.5).
CREATE TABLE _timescaledb_internal.bgw_job_stat (
    job_id integer PRIMARY KEY,
    last_start timestamptz NOT NULL DEFAULT now(),
    last_finish timestamptz NOT NULL,
    next_start timestamptz NOT NULL,
    last_successful_finish timestamptz NOT NULL,
    last_run_success boolean NOT NULL,
    total_runs bigint NOT NULL,
    total_duration interval NOT NULL,
    total_duration_failures interval NOT NULL,
    total_successes bigint NOT NULL,
    total_failures bigint NOT NULL,
    total_crashes bigint NOT NULL,
    consecutive_failures integer NOT NULL,
    consecutive_crashes integer NOT NULL,
    flags integer NOT NULL DEFAULT 0
);

CREATE SEQUENCE _timescaledb_internal.bgw_job_stat_history_id_seq;

CREATE TABLE _timescaledb_internal.bgw_job_stat_history (
    id bigint PRIMARY KEY DEFAULT nextval('_timescaledb_internal.bgw_job_stat_history_id_seq'),
    job_id integer NOT NULL,
    pid integer,
    execution_start timestamptz NOT NULL DEFAULT now(),
    execution_finish timestamptz,
    succeeded boolean,
    data jsonb
);
CREATE INDEX bgw_job_stat_history_job_id_idx ON _timescaledb_internal.bgw_job_stat_history (job_id);

CREATE TABLE _timescaledb_catalog.metadata (
    key name PRIMARY KEY,
    value text NOT NULL,
    include_in_telemetry boolean NOT NULL
);

CREATE TABLE _timescaledb_catalog.continuous_agg (
    mat_hypertable_id integer PRIMARY KEY REFERENCES _timescaledb_stand_in.hypertable ON DELETE CASCADE,
    raw_hypertable_id integer NOT NULL REFERENCES _timescaledb_stand_in.hypertable ON DELETE CASCADE,
    parent_mat_hypertable_id integer REFERENCES _timescaledb_catalog.continuous_agg ON DELETE CASCADE,
    user_view_schema name NOT NULL,
    user_view_name name NOT NULL,
    partial_view_schema name NOT NULL,
    partial_view_name name NOT NULL,
    direct_view_schema name NOT NULL,
    direct_view_name name NOT NULL,
    materialized_only boolean NOT NULL DEFAULT false,
    schema_change_timestamp bigint,
    UNIQUE (user_view_schema, user_view_name)
);
CREATE INDEX continuous_agg_raw_hypertable_id_idx ON _timescaledb_catalog.continuous_agg (raw_hypertable_id);

CREATE TABLE _timescaledb_catalog.continuous_aggs_bucket_function (
    mat_hypertable_id integer PRIMARY KEY REFERENCES _timescaledb_stand_in.hypertable ON DELETE CASCADE,
    bucket_func text NOT NULL,
    bucket_width text NOT NULL,
    bucket_origin text,
    bucket_offset text,
    bucket_timezone text,
    bucket_fixed_width boolean NOT NULL
);

CREATE TABLE _timescaledb_catalog.continuous_aggs_watermark (
    mat_hypertable_id integer PRIMARY KEY REFERENCES _timescaledb_catalog.continuous_agg ON DELETE CASCADE,
    watermark bigint NOT NULL
);

CREATE TABLE _timescaledb_catalog.continuous_aggs_materialization_invalidation_log (
    materialization_id integer REFERENCES _timescaledb_catalog.continuous_agg ON DELETE CASCADE,
    lowest_modified_value bigint NOT NULL,
    greatest_modified_value bigint NOT NULL
);

GRANT SELECT ON ALL TABLES IN SCHEMA _timescaledb_catalog, _timescaledb_config, _timescaledb_internal TO PUBLIC;
REVOKE ALL ON _timescaledb_internal.bgw_job_stat_history FROM PUBLIC;

INSERT INTO @jobs@.bgw_job VALUES (
    1, 'Telemetry Reporter [1]', '24:00:00', '00:01:40', -1, '01:00:00', '@functions@', 'policy_telemetry',
    DEFAULT, true, false, NULL, NULL, NULL, NULL, NULL
), (
    3, 'Job History Log Retention Policy [3]', '06:00:00', '01:00:00', -1, '01:00:00', '@functions@',
    'policy_job_stat_history_retention', DEFAULT, true, true, '2000-01-01 00:00:00+00', NULL,
    '{"drop_after": "1 month", "max_successes_per_job": 1000, "max_failures_per_job": 1000}',
    '@functions@', 'policy_job_stat_history_retention_check'
);
