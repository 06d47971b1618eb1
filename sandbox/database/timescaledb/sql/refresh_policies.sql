-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Refresh policies of continuous aggregates.

-- The window of a policy at this moment; without an offset it has no end.
CREATE FUNCTION _timescaledb_stand_in.refresh_window(number integer, config jsonb) RETURNS int8range
LANGUAGE plpgsql STABLE AS $$
DECLARE
    dimension _timescaledb_catalog.dimension := _timescaledb_stand_in.time_dimension_with_clock(number);
    present bigint := _timescaledb_stand_in.integer_now(dimension);
BEGIN
    IF _timescaledb_stand_in.is_integer(dimension.column_type) THEN
        RETURN int8range(present - (config ->> 'start_offset')::bigint, present - (config ->> 'end_offset')::bigint);
    END IF;
    RETURN int8range(
        _timescaledb_stand_in.internal(now() - (config ->> 'start_offset')::interval),
        _timescaledb_stand_in.internal(now() - (config ->> 'end_offset')::interval)
    );
END
$$;

-- since 2.21 {
-- Whether another policy of the aggregate has the same window (true) or none (false). Others must not overlap.
CREATE FUNCTION _timescaledb_stand_in.check_overlap(number integer, config jsonb, except_job integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    name name := (SELECT user_view_name FROM _timescaledb_catalog.continuous_agg WHERE mat_hypertable_id = number);
    span int8range := _timescaledb_stand_in.refresh_window(number, config);
    other record;
BEGIN
    FOR other IN
        SELECT _timescaledb_stand_in.refresh_window(number, j.config) AS span FROM @jobs@.bgw_job j
        WHERE j.proc_name = 'policy_refresh_continuous_aggregate' AND j.hypertable_id = number AND j.id <> except_job
    LOOP
        IF other.span = span THEN
            RETURN true;
        ELSIF other.span && span THEN
            RAISE EXCEPTION 'refresh interval overlaps with an existing continuous aggregate policy on "%"', name
                USING ERRCODE = '22023';
        END IF;
    END LOOP;
    RETURN false;
END
$$;
-- }

-- The length of an offset in an aggregate's own count of time. Not in SQL: the planner would try both casts.
CREATE FUNCTION _timescaledb_stand_in.offset_length(value jsonb, number integer) RETURNS numeric
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF _timescaledb_stand_in.is_integer((_timescaledb_stand_in.time_dimension(number)).column_type) THEN
        RETURN (value #>> '{}')::numeric;
    END IF;
    RETURN _timescaledb_stand_in.internal((value #>> '{}')::interval);
END
$$;

CREATE FUNCTION public.add_continuous_aggregate_policy(
    continuous_aggregate regclass, start_offset _timescaledb_stand_in.value, end_offset _timescaledb_stand_in.value,
    schedule_interval interval,
    if_not_exists boolean DEFAULT false, initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL
    , include_tiered_data boolean DEFAULT NULL -- since 2.18
    , buckets_per_batch integer DEFAULT NULL, max_batches_per_execution integer DEFAULT NULL -- since 2.19
    , refresh_newest_first boolean DEFAULT NULL -- since 2.20
) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
    start timestamptz;
    number integer;
    dimension _timescaledb_catalog.dimension;
    config jsonb;
    options jsonb := '{}';
    width numeric;
    job_id integer := -1;
    existing @jobs@.bgw_job; -- before 2.21
    told text;
BEGIN
    PERFORM _timescaledb_stand_in.require_license('add_continuous_aggregate_policy');
    IF schedule_interval IS NULL THEN
        RAISE EXCEPTION 'cannot use NULL refresh_schedule_interval' USING ERRCODE = '22023';
    END IF;
    start := _timescaledb_stand_in.require_schedule(schedule_interval, initial_start, timezone);
    number := _timescaledb_stand_in.require_aggregate(continuous_aggregate, '0A000');
    PERFORM _timescaledb_stand_in.require_login(_timescaledb_stand_in.owner_of(continuous_aggregate));
    dimension := _timescaledb_stand_in.time_dimension(number);
    PERFORM _timescaledb_stand_in.require_offset('start_offset', start_offset, dimension.column_type);
    PERFORM _timescaledb_stand_in.require_offset('end_offset', end_offset, dimension.column_type);
    options := options || jsonb_build_object('include_tiered_data', include_tiered_data); -- since 2.18
    options := options || jsonb_build_object('buckets_per_batch', buckets_per_batch); -- since 2.19
    options := options || jsonb_build_object('max_batches_per_execution', max_batches_per_execution); -- since 2.19
    options := options || jsonb_build_object('refresh_newest_first', refresh_newest_first); -- since 2.20
    config := jsonb_build_object(
        'mat_hypertable_id', number, 'start_offset', _timescaledb_stand_in.json_of(start_offset),
        'end_offset', _timescaledb_stand_in.json_of(end_offset)
    ) || jsonb_strip_nulls(options);
    width := _timescaledb_stand_in.bucket_width(number);
    IF _timescaledb_stand_in.offset_length(config -> 'start_offset', number)
        < _timescaledb_stand_in.offset_length(config -> 'end_offset', number) + 2 * width
    THEN
        RAISE EXCEPTION 'policy refresh window too small' USING ERRCODE = '22023', DETAIL = format(
            'The start and end offsets must cover at least two buckets in the valid time range of type "%s".',
            dimension.column_type
        );
    END IF;
    -- since 2.21 {
    IF _timescaledb_stand_in.check_overlap(number, config, -1) THEN
        told := format('A refresh policy with the same start and end offset already exists for continuous aggregate'
                       ' "%s".', _timescaledb_stand_in.name_of(continuous_aggregate));
        IF NOT if_not_exists THEN
            RAISE EXCEPTION 'continuous aggregate refresh policy already exists for "%"',
                _timescaledb_stand_in.name_of(continuous_aggregate)
                USING ERRCODE = '22023', DETAIL = told;
        END IF;
        RAISE NOTICE 'continuous aggregate refresh policy already exists for "%", skipping',
            _timescaledb_stand_in.name_of(continuous_aggregate)
            USING ERRCODE = '22023', DETAIL = told;
    -- }
    -- before 2.21 {
    existing := _timescaledb_stand_in.policy_of(number, 'policy_refresh_continuous_aggregate');
    IF existing.id IS NOT NULL THEN
        told := format('continuous aggregate policy already exists for "%s"',
                       _timescaledb_stand_in.name_of(continuous_aggregate));
        IF NOT if_not_exists THEN
            RAISE EXCEPTION '%', told USING ERRCODE = '42710', DETAIL = format(
                'Only one continuous aggregate policy can be created per continuous aggregate and a policy with job id'
                ' %s already exists for "%s".', existing.id, _timescaledb_stand_in.name_of(continuous_aggregate)
            );
        END IF;
        PERFORM _timescaledb_stand_in.tell_existing(
            told, _timescaledb_stand_in.offset_length(existing.config -> 'start_offset', number)
                IS NOT DISTINCT FROM _timescaledb_stand_in.offset_length(config -> 'start_offset', number)
            AND _timescaledb_stand_in.offset_length(existing.config -> 'end_offset', number)
                IS NOT DISTINCT FROM _timescaledb_stand_in.offset_length(config -> 'end_offset', number)
        );
    -- }
    ELSE
        job_id := _timescaledb_stand_in.insert_job(
            'Refresh Continuous Aggregate Policy', schedule_interval, '0', schedule_interval,
            'policy_refresh_continuous_aggregate', _timescaledb_stand_in.owner_of(continuous_aggregate), number, config,
            start, timezone
        );
    END IF;
    IF start IS NOT NULL THEN
        PERFORM _timescaledb_stand_in.set_next_start(job_id, start);
    END IF;
    RETURN job_id;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.bucket_width(number integer) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT _timescaledb_stand_in.offset_length(to_jsonb(bucket_width), number)
    FROM _timescaledb_catalog.continuous_aggs_bucket_function WHERE mat_hypertable_id = number
$$;

CREATE FUNCTION _timescaledb_stand_in.require_offset(
    name text, value _timescaledb_stand_in.value, column_type regtype
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    type regtype := _timescaledb_stand_in.type_of(value);
BEGIN
    -- NULL has no end, and a literal without a type is taken for what is right.
    IF type IS NULL OR (type = 'interval'::regtype) <> _timescaledb_stand_in.is_integer(column_type) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'invalid parameter value for %', name USING ERRCODE = '22023',
        HINT = CASE
            WHEN _timescaledb_stand_in.is_integer(column_type)
                THEN format('Use time interval of type %s with the continuous aggregate.', column_type)
            ELSE 'Use time interval with a continuous aggregate using timestamp-based time bucket.' END;
END
$$;

CREATE FUNCTION public.remove_continuous_aggregate_policy(
    continuous_aggregate regclass, if_not_exists boolean DEFAULT false, if_exists boolean DEFAULT NULL
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    number integer;
    job record;
BEGIN
    PERFORM _timescaledb_stand_in.require_license('remove_continuous_aggregate_policy');
    number := _timescaledb_stand_in.require_aggregate(continuous_aggregate, '22023');
    IF (_timescaledb_stand_in.policy_of(number, 'policy_refresh_continuous_aggregate')).id IS NULL THEN
        IF NOT coalesce(if_exists, if_not_exists) THEN
            RAISE EXCEPTION 'continuous aggregate policy not found for "%"',
                _timescaledb_stand_in.name_of(continuous_aggregate) USING ERRCODE = '42704';
        END IF;
        RAISE NOTICE 'continuous aggregate policy not found for "%", skipping',
            _timescaledb_stand_in.name_of(continuous_aggregate);
    END IF;
    PERFORM _timescaledb_stand_in.remove_job(j.id) FROM @jobs@.bgw_job j
    WHERE j.proc_name = 'policy_refresh_continuous_aggregate' AND j.hypertable_id = number;
END
$$;

CREATE FUNCTION @functions@.policy_refresh_continuous_aggregate_check(config jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT config ? 'mat_hypertable_id' THEN
        RAISE EXCEPTION 'could not find "mat_hypertable_id" in config for job'
            USING ERRCODE = '@json_member_not_found@';
    END IF;
    PERFORM _timescaledb_stand_in.offset_length(config -> key, (config ->> 'mat_hypertable_id')::integer)
    FROM unnest(ARRAY['start_offset', 'end_offset']) AS key;
END
$$;

CREATE PROCEDURE @functions@.policy_refresh_continuous_aggregate(job_id integer, config jsonb) LANGUAGE plpgsql AS $$
DECLARE
    number integer := config ->> 'mat_hypertable_id';
    span int8range;
BEGIN
    PERFORM _timescaledb_stand_in.require_licensed();
    PERFORM @functions@.policy_refresh_continuous_aggregate_check(config);
    span := _timescaledb_stand_in.refresh_window(number, config);
    PERFORM _timescaledb_stand_in.refresh(number, lower(span), upper(span), false);
END
$$;
