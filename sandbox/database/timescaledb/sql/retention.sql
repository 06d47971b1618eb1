-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Retention and columnstore policies. Non-positive intervals are taken, as TimescaleDB takes them (1.1.7).

-- The job of a policy. The refresh policies of an aggregate may be several; this is one of them.
CREATE FUNCTION _timescaledb_stand_in.policy_of(hypertable_id integer, procedure name) RETURNS @jobs@.bgw_job
LANGUAGE sql STABLE AS $$
    SELECT j FROM @jobs@.bgw_job j
    WHERE j.proc_schema = '@functions@' AND j.proc_name = procedure AND j.hypertable_id = $1 LIMIT 1
$$;

-- For a relation that is to get a policy. It is not told by the table in which an aggregate keeps its data.
CREATE FUNCTION _timescaledb_stand_in.require_policy_target(relation regclass, policy text)
RETURNS _timescaledb_stand_in.hypertable LANGUAGE plpgsql AS $$
DECLARE
    found _timescaledb_stand_in.hypertable := _timescaledb_stand_in.hypertable_of(relation);
BEGIN
    IF found.id IS NULL THEN
        RAISE EXCEPTION '"%" is not a hypertable or a continuous aggregate', _timescaledb_stand_in.name_of(relation)
            USING ERRCODE = 'TS001';
    ELSIF found.compression_state = 2 THEN
        RAISE EXCEPTION 'cannot add % policy to compressed hypertable "%"', policy, found.table_name
            USING ERRCODE = '0A000',
                HINT = 'Please add the policy to the corresponding uncompressed hypertable instead.';
    ELSIF NOT _timescaledb_stand_in.is_aggregate(relation)
        AND EXISTS (SELECT FROM _timescaledb_catalog.continuous_agg WHERE mat_hypertable_id = found.id)
    THEN
        RAISE EXCEPTION 'cannot add % policy to materialized hypertable "%" ', policy, found.table_name
            USING ERRCODE = '0A000',
                HINT = 'Please add the policy to the corresponding continuous aggregate instead.';
    END IF;
    RETURN found;
END
$$;

-- Whether a policy has this value already: months are 30 days, as PostgreSQL compares intervals (1.1.8).
CREATE FUNCTION _timescaledb_stand_in.is_same(config jsonb, key text, value _timescaledb_stand_in.value) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF config ->> key IS NULL THEN
        RAISE EXCEPTION 'could not find % in config for job', key USING ERRCODE = 'XX000';
    ELSIF _timescaledb_stand_in.type_of(value) = 'interval'::regtype THEN
        RETURN (config ->> key)::interval = _timescaledb_stand_in.text_of(value)::interval;
    END IF;
    RETURN config -> key = _timescaledb_stand_in.json_of(value);
END
$$;

-- Tell that the policy is there; the functions return -1 then, and change nothing (1.1.4).
CREATE FUNCTION _timescaledb_stand_in.tell_existing(message text, same boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF same THEN
        RAISE NOTICE '%, skipping', message;
    ELSE
        RAISE WARNING '%', message USING DETAIL = 'A policy already exists with different arguments.',
            HINT = 'Remove the existing policy before adding a new one.';
    END IF;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.require_schedule(
    schedule interval, initial_start timestamptz, timezone text
) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
    IF initial_start IS NOT NULL THEN
        PERFORM _timescaledb_stand_in.require_fixed_schedule(schedule);
        initial_start := CASE WHEN isfinite(initial_start) THEN initial_start ELSE now() END;
    END IF;
    IF timezone IS NOT NULL THEN
        PERFORM _timescaledb_stand_in.require_time_zone(timezone);
    END IF;
    RETURN initial_start;
END
$$;

CREATE FUNCTION public.add_retention_policy(
    relation regclass
    , drop_after _timescaledb_stand_in.value DEFAULT NULL -- since 2.13
    , drop_after _timescaledb_stand_in.value -- before 2.13
    , if_not_exists boolean DEFAULT false, schedule_interval interval DEFAULT NULL,
    initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL
    , drop_created_before interval DEFAULT NULL -- since 2.13
) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
    drop_created_before interval; -- before 2.13
    schedule interval := coalesce(schedule_interval, '1 day');
    start timestamptz;
    owner regrole;
    target _timescaledb_stand_in.hypertable;
    dimension _timescaledb_catalog.dimension;
    existing @jobs@.bgw_job;
    config jsonb;
    number integer;
BEGIN
    PERFORM _timescaledb_stand_in.require_license('add_retention_policy');
    IF num_nulls(relation, if_not_exists) > 0 THEN
        RETURN NULL;
    END IF;
    PERFORM _timescaledb_stand_in.require_writable('add_retention_policy');
    IF num_nonnulls(drop_after, drop_created_before) <> 1 THEN
        RAISE EXCEPTION 'need to specify one of "drop_after" or "drop_created_before"' USING ERRCODE = '22023';
    END IF;
    start := _timescaledb_stand_in.require_schedule(schedule, initial_start, timezone);
    owner := _timescaledb_stand_in.require_owner(relation);
    PERFORM _timescaledb_stand_in.require_login(owner);
    target := _timescaledb_stand_in.require_policy_target(relation, 'retention');
    dimension := _timescaledb_stand_in.time_dimension(target.id);
    existing := _timescaledb_stand_in.policy_of(target.id, 'policy_retention');
    IF existing.id IS NOT NULL THEN
        number := -1;
        IF NOT if_not_exists THEN
            RAISE EXCEPTION 'retention policy already exists for hypertable "%"',
                _timescaledb_stand_in.name_of(relation) USING ERRCODE = '42710';
        END IF;
        PERFORM _timescaledb_stand_in.tell_existing(
            format('retention policy already exists for hypertable "%s"', _timescaledb_stand_in.name_of(relation)),
            CASE WHEN drop_after IS NOT NULL
                THEN _timescaledb_stand_in.is_same(existing.config, 'drop_after', drop_after)
                ELSE _timescaledb_stand_in.is_same(existing.config, 'drop_created_before', drop_created_before) END
        );
    ELSE
        IF drop_after IS NOT NULL THEN
            PERFORM _timescaledb_stand_in.require_reach(relation, dimension, _timescaledb_stand_in.type_of(drop_after));
        END IF;
        config := jsonb_build_object('hypertable_id', target.id)
            || CASE WHEN drop_after IS NULL THEN jsonb_build_object('drop_created_before', drop_created_before)
                ELSE jsonb_build_object('drop_after', _timescaledb_stand_in.json_of(drop_after)) END;
        number := _timescaledb_stand_in.insert_job(
            'Retention Policy', schedule, '5 min', '5 min', 'policy_retention', owner, target.id, config, start,
            timezone
        );
    END IF;
    -- Also for -1: a row that belongs to no job (1.1.5).
    IF start IS NOT NULL THEN
        PERFORM _timescaledb_stand_in.set_next_start(number, start);
    END IF;
    RETURN number;
END
$$;

-- An interval for a column of time, a number and a clock of its own for a column of numbers.
CREATE FUNCTION _timescaledb_stand_in.require_reach(
    relation regclass, dimension _timescaledb_catalog.dimension, type regtype
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF _timescaledb_stand_in.is_integer(dimension.column_type) THEN
        IF NOT coalesce(_timescaledb_stand_in.is_integer(type), false)
            OR (dimension.integer_now_func IS NULL AND NOT _timescaledb_stand_in.is_aggregate(relation))
        THEN
            RAISE EXCEPTION 'invalid value for parameter drop_after' USING ERRCODE = '22023',
                HINT = 'Integer duration in "drop_after" with valid "integer_now" function or interval time duration'
                    ' in "drop_created_before" is required for hypertables with integer time dimension.';
        END IF;
    ELSIF type IS DISTINCT FROM 'interval'::regtype THEN
        RAISE EXCEPTION 'invalid value for parameter drop_after' USING ERRCODE = '22023',
            HINT = 'Interval time duration is required for hypertable with timestamp or UUID time dimension.';
    END IF;
END
$$;

-- Remove a policy of any kind; false where there is none and that is no error.
CREATE FUNCTION _timescaledb_stand_in.remove_policy(
    relation regclass, procedure name, kind text, if_exists boolean
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    target _timescaledb_stand_in.hypertable := _timescaledb_stand_in.hypertable_of(relation);
    relation_name name := _timescaledb_stand_in.name_of(relation);
    job @jobs@.bgw_job;
BEGIN
    IF target.id IS NULL THEN
        RAISE EXCEPTION 'relation "%" is not a hypertable or continuous aggregate', relation_name
            USING ERRCODE = '42704';
    END IF;
    PERFORM _timescaledb_stand_in.require_owner(relation);
    job := _timescaledb_stand_in.policy_of(target.id, procedure);
    IF job.id IS NULL THEN
        IF NOT if_exists THEN
            RAISE EXCEPTION '% policy not found for hypertable "%"', kind, relation_name USING ERRCODE = '42704';
        END IF;
        RAISE NOTICE '% policy not found for hypertable "%", skipping', kind, relation_name;
        RETURN false;
    END IF;
    PERFORM _timescaledb_stand_in.remove_job(job.id);
    RETURN true;
END
$$;

CREATE FUNCTION public.remove_retention_policy(relation regclass, if_exists boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql STRICT AS $$
BEGIN
    PERFORM _timescaledb_stand_in.require_license('remove_retention_policy');
    PERFORM _timescaledb_stand_in.require_writable('remove_retention_policy');
    PERFORM _timescaledb_stand_in.remove_policy(relation, 'policy_retention', 'retention', if_exists);
END
$$;

CREATE FUNCTION @functions@.policy_retention_check(config jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    dimension _timescaledb_catalog.dimension;
    key text := 'drop_after';
BEGIN
    IF NOT config ? 'hypertable_id' THEN
        RAISE EXCEPTION 'could not find hypertable_id in config for job' USING ERRCODE = '@json_member_not_found@';
    ELSIF _timescaledb_stand_in.table_of((config ->> 'hypertable_id')::integer) IS NULL THEN
        RAISE EXCEPTION 'hypertable with id % does not exist', config ->> 'hypertable_id' USING ERRCODE = 'TS001';
    END IF;
    dimension := _timescaledb_stand_in.time_dimension_with_clock((config ->> 'hypertable_id')::integer);
    IF _timescaledb_stand_in.is_integer(dimension.column_type) AND dimension.integer_now_func IS NULL
        -- Before, the key was not looked for on a column that has a present of its own (1.2, 2.26.3).
        OR config ->> 'drop_created_before' IS NOT NULL -- since 2.26.3
    THEN
        key := 'drop_created_before';
    END IF;
    IF config ->> key IS NULL THEN
        RAISE EXCEPTION 'could not find % in config for job', key USING ERRCODE = 'XX000';
    ELSIF key = 'drop_created_before' OR NOT _timescaledb_stand_in.is_integer(dimension.column_type) THEN
        PERFORM (config ->> key)::interval;
    ELSE
        PERFORM (config ->> key)::bigint;
    END IF;
END
$$;

-- The dimension of time, with the clock of the table below where it is that of an aggregate.
CREATE FUNCTION _timescaledb_stand_in.time_dimension_with_clock(hypertable_id integer)
RETURNS _timescaledb_catalog.dimension LANGUAGE plpgsql STABLE AS $$
DECLARE
    result _timescaledb_catalog.dimension := _timescaledb_stand_in.time_dimension(hypertable_id);
    below integer := (SELECT raw_hypertable_id FROM _timescaledb_catalog.continuous_agg WHERE mat_hypertable_id = $1);
    clock _timescaledb_catalog.dimension;
BEGIN
    IF result.integer_now_func IS NULL AND below IS NOT NULL THEN
        clock := _timescaledb_stand_in.time_dimension_with_clock(below);
        result.integer_now_func_schema := clock.integer_now_func_schema;
        result.integer_now_func := clock.integer_now_func;
    END IF;
    RETURN result;
END
$$;

CREATE PROCEDURE @functions@.policy_retention(job_id integer, config jsonb) LANGUAGE plpgsql AS $$
DECLARE
    number integer := config ->> 'hypertable_id';
    dimension _timescaledb_catalog.dimension;
    relation regclass;
BEGIN
    PERFORM _timescaledb_stand_in.require_licensed();
    PERFORM @functions@.policy_retention_check(config);
    dimension := _timescaledb_stand_in.time_dimension_with_clock(number);
    -- An aggregate's chunks are dropped by the aggregate's name.
    relation := coalesce(
        (SELECT to_regclass(format('%I.%I', user_view_schema, user_view_name))
         FROM _timescaledb_catalog.continuous_agg WHERE mat_hypertable_id = number),
        _timescaledb_stand_in.table_of(number)
    );
    IF config ->> 'drop_created_before' IS NOT NULL THEN
        -- since 2.13 {
        PERFORM public.drop_chunks(relation, created_before => (config ->> 'drop_created_before')::interval);
        -- }
    ELSIF _timescaledb_stand_in.is_integer(dimension.column_type) THEN
        EXECUTE format('SELECT public.drop_chunks($1, older_than => $2::%s)', dimension.column_type)
        USING relation, _timescaledb_stand_in.integer_now(dimension) - (config ->> 'drop_after')::bigint;
    ELSE
        PERFORM public.drop_chunks(relation, older_than => (config ->> 'drop_after')::interval);
    END IF;
END
$$;

-- What the built-in jobs do is nobody's concern here.
CREATE FUNCTION @functions@.policy_job_stat_history_retention(job_id integer, config jsonb) RETURNS void
LANGUAGE sql AS '';
CREATE FUNCTION @functions@.policy_job_stat_history_retention_check(config jsonb) RETURNS void LANGUAGE sql AS '';
CREATE PROCEDURE @functions@.policy_telemetry(job_id integer, config jsonb) LANGUAGE sql AS '';
