-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Continuous aggregates of a column "time". A refresh computes its whole window anew, so that it loses what retention
-- has dropped, as TimescaleDB's does.

-- Buckets begin at a Monday. Buckets of months are not simulated.
CREATE FUNCTION public.time_bucket(bucket_width interval, ts timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT date_bin(bucket_width, ts, '2000-01-03 00:00:00+00')
$$;

-- In the place of CREATE MATERIALIZED VIEW ... WITH (timescaledb.continuous), which PostgreSQL refuses.
CREATE FUNCTION _timescaledb_stand_in.create_continuous_aggregate(
    view_name text, source regclass, bucket_width interval, query text, with_data boolean
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    below _timescaledb_stand_in.hypertable := _timescaledb_stand_in.hypertable_of(source);
    draft text := '_timescaledb_internal._materialized_hypertable_new';
    number integer;
BEGIN
    EXECUTE format('CREATE TABLE %s AS %s WITH NO DATA', draft, query);
    number := public.create_hypertable(
        draft::regclass, 'time',
        chunk_time_interval => (_timescaledb_stand_in.time_dimension(below.id)).interval_length * 10
    );
    EXECUTE format('ALTER TABLE %s RENAME TO _materialized_hypertable_%s', draft, number);
    EXECUTE format('CREATE VIEW _timescaledb_internal._direct_view_%s AS %s', number, query);
    EXECUTE format('CREATE VIEW %s AS TABLE _timescaledb_internal._materialized_hypertable_%s', view_name, number);
    INSERT INTO _timescaledb_stand_in.continuous_agg (mat_hypertable_id, raw_hypertable_id, view, bucket_width)
    VALUES (number, below.id, view_name::regclass, bucket_width);
    IF with_data THEN
        PERFORM _timescaledb_stand_in.refresh(number, NULL, NULL);
    END IF;
END
$$;

-- Materialise anew the whole buckets between two moments; NULL is the end of time.
CREATE FUNCTION _timescaledb_stand_in.refresh(number integer, window_start timestamptz, window_end timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    width interval := (SELECT bucket_width FROM _timescaledb_stand_in.continuous_agg WHERE mat_hypertable_id = number);
    condition text := format(
        'time >= %L AND time + %L::interval <= %L', coalesce(window_start, '-infinity'), width,
        coalesce(window_end, 'infinity')
    );
    newest timestamptz;
BEGIN
    EXECUTE format('DELETE FROM _timescaledb_internal._materialized_hypertable_%s WHERE %s', number, condition);
    EXECUTE format('INSERT INTO _timescaledb_internal._materialized_hypertable_%s'
                   ' SELECT * FROM _timescaledb_internal._direct_view_%1$s WHERE %s', number, condition);
    EXECUTE format('SELECT max(time) FROM _timescaledb_internal._materialized_hypertable_%s', number) INTO newest;
    UPDATE _timescaledb_stand_in.continuous_agg
    SET watermark = greatest(watermark, _timescaledb_stand_in.internal(newest + width))
    WHERE mat_hypertable_id = number;
END
$$;

CREATE PROCEDURE public.refresh_continuous_aggregate(
    continuous_aggregate regclass, window_start timestamptz, window_end timestamptz
) LANGUAGE sql SECURITY DEFINER AS $$
    SELECT _timescaledb_stand_in.refresh((_timescaledb_stand_in.own_hypertable($1)).id, $2, $3)
$$;
