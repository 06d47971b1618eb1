-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The catalog: the schemas, tables and columns that our modules and tests read, under TimescaleDB's names. Everybody may
-- read them; only the functions of the stand-in, which run as the superuser, write to them.

CREATE SCHEMA _timescaledb_catalog;
CREATE SCHEMA _timescaledb_config;
CREATE SCHEMA _timescaledb_internal;
CREATE SCHEMA timescaledb_information;
-- All that TimescaleDB does not have: what stands for its code in C.
CREATE SCHEMA _timescaledb_stand_in;
COMMENT ON SCHEMA _timescaledb_stand_in IS
    'This database has the SQL stand-in of entasis.engine, which simulates TimescaleDB. It is not TimescaleDB.';

GRANT USAGE ON SCHEMA _timescaledb_catalog, _timescaledb_config, _timescaledb_internal, timescaledb_information,
    _timescaledb_stand_in TO PUBLIC;

-- Tables, chunks and views are known by their numbers in pg_class, whatever they are called; views tell their names.
CREATE TABLE _timescaledb_stand_in.hypertable (
    id serial PRIMARY KEY,
    relation oid NOT NULL UNIQUE,
    -- 0: no columnstore, 1: has one, 2: is one of another hypertable.
    compression_state smallint NOT NULL DEFAULT 0,
    columnstore_of integer REFERENCES _timescaledb_stand_in.hypertable ON DELETE CASCADE
);

CREATE VIEW _timescaledb_catalog.hypertable AS
SELECT h.id, n.nspname AS schema_name, c.relname AS table_name, h.compression_state, 0 AS status
FROM _timescaledb_stand_in.hypertable h
JOIN pg_class c ON c.oid = h.relation
JOIN pg_namespace n ON n.oid = c.relnamespace;

CREATE TABLE _timescaledb_catalog.dimension (
    id serial PRIMARY KEY,
    hypertable_id integer NOT NULL REFERENCES _timescaledb_stand_in.hypertable ON DELETE CASCADE,
    column_name name NOT NULL,
    column_type regtype NOT NULL,
    -- Of a dimension by hash.
    num_slices smallint,
    -- Of the dimension of time; microseconds where the column is no number.
    interval_length bigint CHECK (interval_length > 0),
    integer_now_func_schema name,
    integer_now_func name,
    UNIQUE (hypertable_id, column_name)
);

CREATE TABLE _timescaledb_stand_in.chunk (
    id serial PRIMARY KEY,
    hypertable_id integer NOT NULL REFERENCES _timescaledb_stand_in.hypertable ON DELETE CASCADE,
    relation oid NOT NULL UNIQUE,
    -- In the dimension of time, and in the one by hash.
    range_start bigint,
    range_end bigint,
    slice integer,
    compressed_chunk_id integer,
    creation_time timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX chunk_hypertable_id_idx ON _timescaledb_stand_in.chunk (hypertable_id, range_start);

CREATE VIEW _timescaledb_catalog.chunk AS
SELECT k.id, k.hypertable_id, n.nspname AS schema_name, c.relname AS table_name, k.compressed_chunk_id, k.creation_time
FROM _timescaledb_stand_in.chunk k
JOIN pg_class c ON c.oid = k.relation
JOIN pg_namespace n ON n.oid = c.relnamespace;

CREATE TABLE _timescaledb_stand_in.continuous_agg (
    mat_hypertable_id integer PRIMARY KEY REFERENCES _timescaledb_stand_in.hypertable ON DELETE CASCADE,
    raw_hypertable_id integer NOT NULL REFERENCES _timescaledb_stand_in.hypertable ON DELETE CASCADE,
    view oid NOT NULL UNIQUE,
    bucket_width interval NOT NULL,
    -- Before the first refresh, the least moment that PostgreSQL knows.
    watermark bigint NOT NULL DEFAULT -210866803200000000
);

CREATE VIEW _timescaledb_catalog.continuous_agg AS
SELECT a.mat_hypertable_id, a.raw_hypertable_id, n.nspname AS user_view_schema, c.relname AS user_view_name
FROM _timescaledb_stand_in.continuous_agg a
JOIN pg_class c ON c.oid = a.view
JOIN pg_namespace n ON n.oid = c.relnamespace;

CREATE VIEW _timescaledb_catalog.continuous_aggs_watermark AS
SELECT mat_hypertable_id, watermark FROM _timescaledb_stand_in.continuous_agg;

CREATE TABLE _timescaledb_catalog.bgw_job (
    id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (MINVALUE 1000),
    schedule_interval interval NOT NULL,
    max_runtime interval NOT NULL,
    max_retries integer NOT NULL DEFAULT -1,
    retry_period interval NOT NULL,
    proc_name name NOT NULL,
    owner regrole NOT NULL,
    scheduled boolean NOT NULL DEFAULT true,
    fixed_schedule boolean NOT NULL,
    initial_start timestamptz,
    hypertable_id integer NOT NULL REFERENCES _timescaledb_stand_in.hypertable ON DELETE CASCADE,
    config jsonb NOT NULL,
    timezone text
);
CREATE INDEX bgw_job_hypertable_id_idx ON _timescaledb_catalog.bgw_job (hypertable_id);
CREATE VIEW _timescaledb_config.bgw_job AS TABLE _timescaledb_catalog.bgw_job;

-- A job that was never run nor told when to start has no row, and is due.
CREATE TABLE _timescaledb_internal.bgw_job_stat (
    job_id integer PRIMARY KEY REFERENCES _timescaledb_catalog.bgw_job ON DELETE CASCADE,
    last_finish timestamptz NOT NULL DEFAULT '-infinity',
    next_start timestamptz NOT NULL,
    last_successful_finish timestamptz NOT NULL DEFAULT '-infinity',
    last_run_success boolean NOT NULL DEFAULT true,
    total_runs bigint NOT NULL DEFAULT 0,
    total_failures bigint NOT NULL DEFAULT 0
);

CREATE VIEW timescaledb_information.chunks AS
SELECT h.schema_name AS hypertable_schema, h.table_name AS hypertable_name, c.schema_name AS chunk_schema,
    c.table_name AS chunk_name,
    CASE WHEN NOT t.is_number THEN timestamptz 'epoch' + k.range_start * interval '1 microsecond' END AS range_start,
    CASE WHEN NOT t.is_number THEN timestamptz 'epoch' + k.range_end * interval '1 microsecond' END AS range_end,
    CASE WHEN t.is_number THEN k.range_start END AS range_start_integer,
    CASE WHEN t.is_number THEN k.range_end END AS range_end_integer
FROM _timescaledb_stand_in.chunk k
JOIN _timescaledb_catalog.chunk c ON c.id = k.id
JOIN _timescaledb_catalog.hypertable h ON h.id = k.hypertable_id
JOIN (
    SELECT hypertable_id, column_type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) AS is_number
    FROM _timescaledb_catalog.dimension WHERE num_slices IS NULL
) t ON t.hypertable_id = h.id;

CREATE VIEW timescaledb_information.jobs AS
SELECT j.id AS job_id, j.schedule_interval, j.proc_name, j.owner, j.scheduled, j.config, s.next_start,
    coalesce(a.user_view_schema, h.schema_name) AS hypertable_schema,
    coalesce(a.user_view_name, h.table_name) AS hypertable_name
FROM _timescaledb_catalog.bgw_job j
JOIN _timescaledb_catalog.hypertable h ON h.id = j.hypertable_id
LEFT JOIN _timescaledb_internal.bgw_job_stat s ON s.job_id = j.id
LEFT JOIN _timescaledb_catalog.continuous_agg a ON a.mat_hypertable_id = j.hypertable_id;

-- The runs that failed.
CREATE TABLE _timescaledb_stand_in.failed_run (
    job_id integer NOT NULL REFERENCES _timescaledb_catalog.bgw_job ON DELETE CASCADE,
    finish_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    err_message text NOT NULL
);
CREATE VIEW timescaledb_information.job_errors AS TABLE _timescaledb_stand_in.failed_run;

GRANT SELECT ON ALL TABLES IN SCHEMA _timescaledb_catalog, _timescaledb_config, _timescaledb_internal,
    timescaledb_information, _timescaledb_stand_in TO PUBLIC;

-- What is dropped leaves the catalog, with all that is known of it.
CREATE FUNCTION _timescaledb_stand_in.forget_dropped() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    gone oid[] := ARRAY(
        SELECT objid FROM pg_event_trigger_dropped_objects() WHERE classid = 'pg_class'::regclass AND objsubid = 0
    );
BEGIN
    DELETE FROM _timescaledb_stand_in.chunk WHERE relation = ANY (gone);
    DELETE FROM _timescaledb_stand_in.hypertable WHERE relation = ANY (gone)
        OR id IN (SELECT mat_hypertable_id FROM _timescaledb_stand_in.continuous_agg WHERE view = ANY (gone));
END
$$;
CREATE EVENT TRIGGER timescaledb_stand_in_dropped ON sql_drop
    EXECUTE FUNCTION _timescaledb_stand_in.forget_dropped();
