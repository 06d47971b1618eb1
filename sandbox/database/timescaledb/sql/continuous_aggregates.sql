-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Continuous aggregates: what is materialised, up to where, what is known to be out of date, and the refresh that loses
-- what retention has dropped (1.1.9).

-- Buckets begin at a Monday, or at the first of a month.
CREATE FUNCTION public.time_bucket(bucket_width interval, ts timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN bucket_width < interval '1 month' OR bucket_width <> date_trunc('month', bucket_width)
            THEN date_bin(bucket_width, ts, '2000-01-03')
        ELSE timestamp '2000-01-01' + interval '1 month' * (
            floor(
                ((extract(year FROM ts) - 2000) * 12 + extract(month FROM ts) - 1)
                / (extract(year FROM bucket_width) * 12 + extract(month FROM bucket_width))
            ) * (extract(year FROM bucket_width) * 12 + extract(month FROM bucket_width))
        )::float8
    END
$$;
CREATE FUNCTION public.time_bucket(bucket_width interval, ts timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT public.time_bucket(bucket_width, ts AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
$$;
CREATE FUNCTION public.time_bucket(bucket_width interval, ts date) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT public.time_bucket(bucket_width, ts::timestamp)::date
$$;
CREATE FUNCTION public.time_bucket(bucket_width smallint, ts smallint) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT (ts - ((ts % bucket_width) + bucket_width) % bucket_width)::smallint
$$;
CREATE FUNCTION public.time_bucket(bucket_width integer, ts integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT ts - ((ts % bucket_width) + bucket_width) % bucket_width
$$;
CREATE FUNCTION public.time_bucket(bucket_width bigint, ts bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ts - ((ts % bucket_width) + bucket_width) % bucket_width
$$;

-- In the place of CREATE MATERIALIZED VIEW ... WITH (timescaledb.continuous), which PostgreSQL refuses. The query is
-- SELECT time_bucket(width, column) AS name, ... FROM one hypertable or aggregate GROUP BY ...
CREATE FUNCTION _timescaledb_stand_in.create_continuous_aggregate(
    view_name text, query text, materialized_only boolean, with_data boolean
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET client_min_messages = 'warning' AS $$
DECLARE
    owner regrole := quote_ident(_timescaledb_stand_in.caller())::regrole;
    direct regclass;
    source regclass;
    source_dimension _timescaledb_catalog.dimension;
    source_id integer;
    bucket text[];
    bucket_column name;
    bucket_type regtype;
    number integer;
    length bigint;
    is_nested boolean;
    materialization text;
BEGIN
    PERFORM _timescaledb_stand_in.require_licensed();
    EXECUTE format('CREATE VIEW _timescaledb_internal._direct_view_new AS %s', query);
    direct := '_timescaledb_internal._direct_view_new';
    EXECUTE format('ALTER VIEW %s OWNER TO %s', direct, owner);
    SELECT DISTINCT d.refobjid::regclass INTO source
    FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class = direct
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid <> direct
        AND (_timescaledb_stand_in.hypertable_of(d.refobjid)).id IS NOT NULL;
    -- The width as an interval, or as a number, and the name of the column.
    bucket := regexp_match(
        pg_get_viewdef(direct),
        'time_bucket\((?:''([^'']+)''(?:::[a-z ]+)?|\(?(\d+)\)?(?:::[a-z]+)?), [^)]+\)(?: AS ("(?:[^"]|"")+"|\w+))?'
    );
    bucket_column := (parse_ident(coalesce(bucket[3], 'time_bucket')))[1];
    IF source IS NULL OR bucket IS NULL THEN
        EXECUTE format('DROP VIEW %s', direct);
        RAISE EXCEPTION 'continuous aggregate view must include a valid time bucket function' USING ERRCODE = '0A000';
    END IF;
    source_id := (_timescaledb_stand_in.hypertable_of(source)).id;
    source_dimension := _timescaledb_stand_in.time_dimension(source_id);
    is_nested := _timescaledb_stand_in.is_aggregate(source);
    length := source_dimension.interval_length * CASE WHEN is_nested THEN 1 ELSE 10 END;
    materialization := '_timescaledb_internal._materialized_hypertable_new';
    EXECUTE format('CREATE TABLE %s AS SELECT * FROM %s WITH NO DATA', materialization, direct);
    EXECUTE format('ALTER TABLE %s OWNER TO %s', materialization, owner);
    SELECT atttypid INTO bucket_type FROM pg_attribute
    WHERE attrelid = direct AND attname = bucket_column;
    SELECT hypertable_id INTO number FROM _timescaledb_stand_in.create_hypertable(
        materialization::regclass, bucket_column, length, source_dimension.column_type, NULL, NULL, true, false, false
    );
    EXECUTE format('ALTER TABLE %s RENAME TO _materialized_hypertable_%s', materialization, number);
    EXECUTE format('ALTER VIEW %s RENAME TO _direct_view_%s', direct, number);
    materialization := format('_timescaledb_internal._materialized_hypertable_%s', number);
    EXECUTE format('CREATE VIEW %s AS SELECT * FROM %s', view_name, materialization);
    EXECUTE format('ALTER VIEW %s OWNER TO %s', view_name, owner);
    INSERT INTO _timescaledb_catalog.continuous_agg
    SELECT number, source_id, CASE WHEN is_nested THEN source_id END, n.nspname, c.relname, '_timescaledb_internal',
        '_partial_view_' || number, '_timescaledb_internal', '_direct_view_' || number, materialized_only
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(view_name);
    INSERT INTO _timescaledb_catalog.continuous_aggs_bucket_function
    VALUES (
        number,
        format('public.time_bucket(%s,%s)',
               CASE WHEN bucket[1] IS NULL THEN bucket_type ELSE 'interval'::regtype END, bucket_type),
        coalesce(bucket[1], bucket[2]), NULL, NULL, NULL, coalesce(bucket[1], '') !~ 'mon|year'
    );
    INSERT INTO _timescaledb_catalog.continuous_aggs_watermark
    VALUES (number, _timescaledb_stand_in.least_time(bucket_type));
    INSERT INTO _timescaledb_catalog.continuous_aggs_materialization_invalidation_log
    VALUES (number, -9223372036854775808, 9223372036854775807);
    IF NOT materialized_only THEN
        EXECUTE format(
            'CREATE OR REPLACE VIEW %1$s AS SELECT * FROM %2$s WHERE _timescaledb_stand_in.internal(%3$I)'
            ' < @functions@.cagg_watermark(%4$s) UNION ALL SELECT * FROM _timescaledb_internal._direct_view_%4$s'
            ' WHERE _timescaledb_stand_in.internal(%3$I) >= @functions@.cagg_watermark(%4$s)',
            view_name, materialization, bucket_column, number
        );
    END IF;
    IF with_data THEN
        PERFORM _timescaledb_stand_in.refresh(number, NULL, NULL, false);
    END IF;
END
$$;

-- The least value of a type, in TimescaleDB's count: where a watermark stands before the first refresh.
CREATE FUNCTION _timescaledb_stand_in.least_time(type regtype) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE type
        WHEN 'smallint'::regtype THEN -32768
        WHEN 'integer'::regtype THEN -2147483648
        WHEN 'bigint'::regtype THEN -9223372036854775808
        ELSE -210866803200000000
    END
$$;

CREATE FUNCTION @functions@.cagg_watermark(hypertable_id integer) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    result bigint := (
        SELECT watermark FROM _timescaledb_catalog.continuous_aggs_watermark WHERE mat_hypertable_id = $1
    );
BEGIN
    IF result IS NULL THEN
        RAISE EXCEPTION 'invalid materialized hypertable ID: %', hypertable_id USING ERRCODE = '22023';
    END IF;
    RETURN result;
END
$$;

-- Note that a range of a hypertable has changed, for the aggregates on it.
CREATE FUNCTION _timescaledb_stand_in.invalidate(number integer, first bigint, last bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO _timescaledb_catalog.continuous_aggs_materialization_invalidation_log
    SELECT a.mat_hypertable_id, first, last FROM _timescaledb_catalog.continuous_agg a
    WHERE a.raw_hypertable_id = number AND NOT EXISTS (
        SELECT FROM _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
        WHERE l.materialization_id = a.mat_hypertable_id
            AND l.lowest_modified_value <= first AND l.greatest_modified_value >= last
    )
$$;

-- Where the bucket begins in which a moment lies, or with C(later) the one after it.
CREATE FUNCTION _timescaledb_stand_in.bucket_of(number integer, value bigint, later boolean) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    bucket _timescaledb_catalog.continuous_aggs_bucket_function;
    is_number boolean := _timescaledb_stand_in.is_integer((_timescaledb_stand_in.time_dimension(number)).column_type);
    moment timestamptz;
BEGIN
    SELECT * INTO bucket FROM _timescaledb_catalog.continuous_aggs_bucket_function WHERE mat_hypertable_id = number;
    -- Both ends of time are the ends of a bucket.
    IF value IN (-9223372036854775808, 9223372036854775807) THEN
        RETURN value;
    ELSIF is_number THEN
        RETURN public.time_bucket(bucket.bucket_width::bigint, value)
            + CASE WHEN later THEN bucket.bucket_width::bigint ELSE 0 END;
    END IF;
    moment := public.time_bucket(bucket.bucket_width::interval, @functions@.to_timestamp(value));
    IF later THEN
        moment := (moment AT TIME ZONE 'UTC' + bucket.bucket_width::interval) AT TIME ZONE 'UTC';
    END IF;
    RETURN _timescaledb_stand_in.internal(moment);
END
$$;

-- Materialise anew what is out of date between two moments; with C(force) all of it. NULL is the end of time.
CREATE FUNCTION _timescaledb_stand_in.refresh(number integer, lower_end bigint, upper_end bigint, force boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    dimension _timescaledb_catalog.dimension := _timescaledb_stand_in.time_dimension(number);
    first bigint := coalesce(lower_end, -9223372036854775808);
    last bigint := coalesce(upper_end, 9223372036854775807);
    stale record;
    newest bigint;
BEGIN
    -- Only whole buckets.
    IF _timescaledb_stand_in.bucket_of(number, first, false) < first THEN
        first := _timescaledb_stand_in.bucket_of(number, first, true);
    END IF;
    last := _timescaledb_stand_in.bucket_of(number, last, false);
    IF first >= last THEN
        RAISE EXCEPTION 'refresh window too small' USING ERRCODE = '22023',
            DETAIL = 'The refresh window must cover at least one bucket of data.',
            HINT = 'Align the refresh window with the bucket time zone or use at least two buckets.';
    END IF;
    FOR stale IN
        WITH gone AS (
            DELETE FROM _timescaledb_catalog.continuous_aggs_materialization_invalidation_log
            WHERE materialization_id = number AND lowest_modified_value < last AND greatest_modified_value >= first
            RETURNING lowest_modified_value AS lowest, greatest_modified_value AS highest
        )
        SELECT g.lowest, g.highest FROM gone g
    LOOP
        -- What lies outside of the window stays out of date.
        INSERT INTO _timescaledb_catalog.continuous_aggs_materialization_invalidation_log
        SELECT number, stale.lowest, greatest(first, -9223372036854775807) - 1 WHERE stale.lowest < first
        UNION ALL
        SELECT number, last, stale.highest WHERE stale.highest >= last AND last < 9223372036854775807;
        IF NOT force THEN
            PERFORM _timescaledb_stand_in.materialize(
                number, dimension.column_name,
                greatest(first, _timescaledb_stand_in.bucket_of(number, stale.lowest, false)),
                least(last, _timescaledb_stand_in.bucket_of(number, stale.highest, true))
            );
        END IF;
    END LOOP;
    IF force THEN
        PERFORM _timescaledb_stand_in.materialize(number, dimension.column_name, first, last);
    END IF;
    EXECUTE format('SELECT _timescaledb_stand_in.internal(max(%I)) FROM %s', dimension.column_name,
                   _timescaledb_stand_in.table_of(number)) INTO newest;
    UPDATE _timescaledb_catalog.continuous_aggs_watermark
    SET watermark = greatest(watermark, _timescaledb_stand_in.bucket_of(number, newest, true))
    WHERE mat_hypertable_id = number AND newest IS NOT NULL;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.materialize(number integer, bucket name, first bigint, last bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    condition text := format(
        '_timescaledb_stand_in.internal(%I) >= %L::bigint AND (_timescaledb_stand_in.internal(%1$I) < %3$L::bigint)',
        bucket, first, last
    );
BEGIN
    PERFORM _timescaledb_stand_in.invalidate(number, first, last - 1);
    EXECUTE format('DELETE FROM %s WHERE %s', _timescaledb_stand_in.table_of(number), condition);
    EXECUTE format('INSERT INTO %s SELECT * FROM _timescaledb_internal._direct_view_%s WHERE %s',
                   _timescaledb_stand_in.table_of(number), number, condition);
END
$$;

CREATE FUNCTION _timescaledb_stand_in.require_aggregate(relation regclass, error_code text, subject text DEFAULT '')
RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM _timescaledb_stand_in.known_relation k WHERE k.relation = $1 AND is_view) THEN
        RAISE EXCEPTION '%"%" is not a continuous aggregate', subject, _timescaledb_stand_in.name_of(relation)
            USING ERRCODE = error_code;
    END IF;
    PERFORM _timescaledb_stand_in.require_owner(relation, 'continuous aggregate');
    RETURN (_timescaledb_stand_in.hypertable_of(relation)).id;
END
$$;

CREATE PROCEDURE public.refresh_continuous_aggregate(
    continuous_aggregate regclass, window_start _timescaledb_stand_in.value, window_end _timescaledb_stand_in.value
    , force boolean DEFAULT false -- since 2.18
    , options jsonb DEFAULT NULL -- since 2.21
) LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    number integer;
    type regtype;
    force boolean := false; -- before 2.18
BEGIN
    PERFORM _timescaledb_stand_in.require_license('refresh_continuous_aggregate');
    number := _timescaledb_stand_in.require_aggregate(continuous_aggregate, '22023', 'relation ');
    type := (_timescaledb_stand_in.time_dimension(number)).column_type;
    PERFORM _timescaledb_stand_in.refresh(
        number, _timescaledb_stand_in.bound(window_start, type), _timescaledb_stand_in.bound(window_end, type), force
    );
END
$$;
