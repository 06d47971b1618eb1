-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The columnstore. It is a flag and a companion table with bytes: the rows stay where they are, uncompressed.

-- In the place of ALTER TABLE ... SET (timescaledb.compress), which PostgreSQL's grammar takes for TimescaleDB only.
CREATE FUNCTION _timescaledb_stand_in.enable_columnstore(relation regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    target _timescaledb_stand_in.hypertable;
    number integer;
BEGIN
    PERFORM _timescaledb_stand_in.require_licensed();
    target := _timescaledb_stand_in.require_hypertable(relation);
    IF target.compression_state = 1 THEN
        RETURN;
    END IF;
    number := nextval('_timescaledb_catalog.hypertable_id_seq');
    EXECUTE format('CREATE TABLE _timescaledb_internal._compressed_hypertable_%s ()', number);
    EXECUTE format('ALTER TABLE _timescaledb_internal._compressed_hypertable_%s OWNER TO %s', number,
                   _timescaledb_stand_in.owner_of(relation));
    INSERT INTO _timescaledb_stand_in.hypertable (
        id, schema_name, table_name, associated_schema_name, associated_table_prefix, num_dimensions, compression_state
    ) VALUES (
        number, '_timescaledb_internal', '_compressed_hypertable_' || number, '_timescaledb_internal',
        '_hyper_' || number, 0, 2
    );
    UPDATE _timescaledb_stand_in.hypertable SET compression_state = 1, compressed_hypertable_id = number
    WHERE id = target.id;
    INSERT INTO _timescaledb_catalog.compression_settings (relid)
    VALUES (_timescaledb_stand_in.table_of(target.id));
END
$$;

CREATE FUNCTION public.compress_chunk(
    uncompressed_chunk regclass
    , if_not_compressed boolean DEFAULT true -- since 2.14
    , if_not_compressed boolean DEFAULT false -- before 2.14
    , recompress boolean DEFAULT false -- since 2.17
) RETURNS regclass LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    chunk _timescaledb_stand_in.chunk;
    target _timescaledb_stand_in.hypertable;
    number integer;
    companion text;
BEGIN
    PERFORM _timescaledb_stand_in.require_license('compress_chunk');
    SELECT c.* INTO chunk FROM _timescaledb_stand_in.chunk c
    JOIN pg_class r ON r.relname = c.table_name
    JOIN pg_namespace n ON (n.oid, n.nspname) = (r.relnamespace, c.schema_name)
    WHERE r.oid = uncompressed_chunk;
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" is not a chunk', _timescaledb_stand_in.name_of(uncompressed_chunk) USING ERRCODE = '22023';
    END IF;
    SELECT * INTO target FROM _timescaledb_stand_in.hypertable h WHERE h.id = chunk.hypertable_id;
    PERFORM _timescaledb_stand_in.require_owner(_timescaledb_stand_in.table_of(target.id));
    IF target.compression_state <> 1 THEN
        RAISE EXCEPTION 'columnstore not enabled on "%"', target.table_name USING ERRCODE = '0A000',
            DETAIL = 'It is not possible to convert chunks to columnstore on a hypertable or continuous aggregate'
                ' that does not have columnstore enabled.',
            HINT = 'Enable columnstore using ALTER TABLE/MATERIALIZED VIEW with the'
                ' timescaledb.enable_columnstore option.';
    ELSIF chunk.compressed_chunk_id IS NOT NULL THEN
        IF NOT if_not_compressed THEN
            RAISE EXCEPTION 'chunk "%" is already converted to columnstore', chunk.table_name USING ERRCODE = '42710';
        END IF;
        RAISE NOTICE 'chunk "%" is already converted to columnstore', chunk.table_name USING ERRCODE = '42710';
        RETURN uncompressed_chunk;
    END IF;
    number := nextval('_timescaledb_catalog.chunk_id_seq');
    companion := format('compress_hyper_%s_%s_chunk', target.compressed_hypertable_id, number);
    -- Bytes for the sizes: one row for a hundred, as large as a digest.
    EXECUTE format(
        'CREATE TABLE _timescaledb_internal.%I AS SELECT sha256(convert_to(min(t::text), ''UTF8'')) AS bytes'
        ' FROM (SELECT t, row_number() OVER () / 100 AS batch FROM %s t) t GROUP BY batch',
        companion, uncompressed_chunk
    );
    EXECUTE format('ALTER TABLE _timescaledb_internal.%I OWNER TO %s', companion,
                   _timescaledb_stand_in.owner_of(uncompressed_chunk));
    INSERT INTO _timescaledb_stand_in.chunk (id, hypertable_id, schema_name, table_name, creation_time)
    VALUES (number, target.compressed_hypertable_id, '_timescaledb_internal', companion, clock_timestamp());
    UPDATE _timescaledb_stand_in.chunk c SET compressed_chunk_id = number, status = status | 1 WHERE c.id = chunk.id;
    RETURN uncompressed_chunk;
END
$$;

-- since 2.18 {
CREATE PROCEDURE public.convert_to_columnstore(chunk regclass, if_not_columnstore boolean DEFAULT true)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.compress_chunk(chunk, if_not_columnstore);
END
$$;
-- }

CREATE FUNCTION _timescaledb_stand_in.add_compression_policy(
    relation regclass, compress_after _timescaledb_stand_in.value, if_not_exists boolean, schedule_interval interval,
    initial_start timestamptz, timezone text, created_before interval
) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
    schedule interval := coalesce(schedule_interval, '12:00:00');
    after_type regtype := _timescaledb_stand_in.type_of(compress_after);
    start timestamptz;
    owner regrole;
    target _timescaledb_stand_in.hypertable;
    dimension _timescaledb_catalog.dimension;
    existing @jobs@.bgw_job;
    config jsonb;
    number integer;
BEGIN
    IF num_nulls(relation, if_not_exists) > 0 THEN
        RETURN NULL;
    END IF;
    PERFORM _timescaledb_stand_in.require_writable('add_compression_policy');
    IF num_nonnulls(compress_after, created_before) <> 1 THEN
        RAISE EXCEPTION 'need to specify one of "compress_after" or "compress_created_before"' USING ERRCODE = '22023';
    END IF;
    start := _timescaledb_stand_in.require_schedule(schedule, initial_start, timezone);
    target := _timescaledb_stand_in.require_policy_target(relation, 'compression');
    IF target.compression_state <> 1 THEN
        RAISE EXCEPTION '@columnstore@ not enabled on % "%"',
            _timescaledb_stand_in.kind_of(relation), _timescaledb_stand_in.name_of(relation)
            USING ERRCODE = '0A000', HINT = 'Enable @columnstore@ before adding a @columnstore@ policy.';
    ELSIF created_before IS NOT NULL AND _timescaledb_stand_in.is_aggregate(relation) THEN
        RAISE EXCEPTION 'cannot use "compress_created_before" with continuous aggregate "%" ',
            _timescaledb_stand_in.name_of(relation) USING ERRCODE = '0A000';
    END IF;
    owner := _timescaledb_stand_in.require_owner(relation);
    PERFORM _timescaledb_stand_in.require_login(owner);
    dimension := _timescaledb_stand_in.time_dimension(target.id);
    existing := _timescaledb_stand_in.policy_of(target.id, 'policy_compression');
    IF existing.id IS NOT NULL THEN
        IF NOT if_not_exists THEN
            RAISE EXCEPTION '@columnstore@ policy already exists for hypertable or continuous aggregate "%"',
                _timescaledb_stand_in.name_of(relation)
                USING ERRCODE = '42710', HINT = 'Set option "if_not_exists" to true to avoid error.';
        END IF;
        PERFORM _timescaledb_stand_in.tell_existing(
            format('@columnstore@ policy already exists for hypertable "%s"', _timescaledb_stand_in.name_of(relation)),
            CASE WHEN compress_after IS NOT NULL
                THEN _timescaledb_stand_in.is_same(existing.config, 'compress_after', compress_after)
                ELSE _timescaledb_stand_in.is_same(existing.config, 'compress_created_before', created_before) END
        );
        RETURN -1;
    END IF;
    IF _timescaledb_stand_in.is_integer(dimension.column_type) THEN
        IF compress_after IS NOT NULL AND NOT coalesce(_timescaledb_stand_in.is_integer(after_type), false) THEN
            RAISE EXCEPTION 'invalid value for parameter compress_after' USING ERRCODE = '22023',
                HINT = 'Integer duration in "compress_after" or interval time duration in "compress_created_before"'
                    ' is required for hypertables with integer time dimension.';
        END IF;
    ELSIF compress_after IS NOT NULL AND after_type IS DISTINCT FROM 'interval'::regtype THEN
        RAISE EXCEPTION 'unsupported compress_after argument type, expected type : interval' USING ERRCODE = '0A000';
    ELSIF schedule_interval IS NULL THEN
        -- Twice for each chunk, where chunks are short.
        schedule := least(dimension.interval_length / 2 * interval '1 microsecond', '12:00:00');
    END IF;
    config := jsonb_build_object('hypertable_id', target.id)
        || CASE WHEN compress_after IS NULL THEN jsonb_build_object('compress_created_before', created_before)
            ELSE jsonb_build_object('compress_after', _timescaledb_stand_in.json_of(compress_after)) END;
    number := _timescaledb_stand_in.insert_job(
        'Columnstore Policy', -- since 2.20
        'Compression Policy', -- before 2.20
        schedule, '0', '1 hour', 'policy_compression', owner, target.id, config, start, timezone
    );
    IF start IS NOT NULL THEN
        PERFORM _timescaledb_stand_in.set_next_start(number, start);
    END IF;
    RETURN number;
END
$$;

CREATE FUNCTION public.add_compression_policy(
    hypertable regclass
    , compress_after _timescaledb_stand_in.value DEFAULT NULL -- since 2.13
    , compress_after _timescaledb_stand_in.value -- before 2.13
    , if_not_exists boolean DEFAULT false, schedule_interval interval DEFAULT NULL,
    initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL
    , compress_created_before interval DEFAULT NULL -- since 2.13
) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM _timescaledb_stand_in.require_license('add_compression_policy');
    RETURN _timescaledb_stand_in.add_compression_policy(
        hypertable, compress_after, if_not_exists, schedule_interval, initial_start, timezone
        , compress_created_before -- since 2.13
        , NULL -- before 2.13
    );
END
$$;

CREATE FUNCTION public.remove_compression_policy(hypertable regclass, if_exists boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql STRICT AS $$
BEGIN
    PERFORM _timescaledb_stand_in.require_license('remove_compression_policy');
    PERFORM _timescaledb_stand_in.require_writable('remove_compression_policy');
    RETURN _timescaledb_stand_in.remove_policy(hypertable, 'policy_compression', '@columnstore@', if_exists);
END
$$;

-- since 2.18 {
CREATE PROCEDURE public.add_columnstore_policy(
    hypertable regclass, after _timescaledb_stand_in.value DEFAULT NULL, if_not_exists boolean DEFAULT false,
    schedule_interval interval DEFAULT NULL, initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL,
    created_before interval DEFAULT NULL
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM _timescaledb_stand_in.require_license('add_columnstore_policy');
    PERFORM _timescaledb_stand_in.add_compression_policy(
        hypertable, after, if_not_exists, schedule_interval, initial_start, timezone, created_before
    );
END
$$;

CREATE PROCEDURE public.remove_columnstore_policy(hypertable regclass, if_exists boolean DEFAULT false)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM _timescaledb_stand_in.require_license('remove_columnstore_policy');
    PERFORM _timescaledb_stand_in.remove_policy(hypertable, 'policy_compression', '@columnstore@', if_exists);
END
$$;
-- }

CREATE FUNCTION @functions@.policy_compression_check(config jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    dimension _timescaledb_catalog.dimension;
    value text := coalesce(config ->> 'compress_created_before', config ->> 'compress_after');
BEGIN
    IF NOT config ? 'hypertable_id' THEN
        RAISE EXCEPTION 'could not find hypertable_id in config for job' USING ERRCODE = '@json_member_not_found@';
    ELSIF value IS NULL THEN
        RAISE EXCEPTION 'could not find compress_after in config for job' USING ERRCODE = 'XX000';
    END IF;
    dimension := _timescaledb_stand_in.time_dimension((config ->> 'hypertable_id')::integer);
    IF config ? 'compress_after' AND _timescaledb_stand_in.is_integer(dimension.column_type) THEN
        PERFORM value::bigint;
    ELSE
        PERFORM value::interval;
    END IF;
END
$$;

CREATE PROCEDURE @functions@.policy_compression(job_id integer, config jsonb) LANGUAGE plpgsql AS $$
DECLARE
    number integer := config ->> 'hypertable_id';
    dimension _timescaledb_catalog.dimension := _timescaledb_stand_in.time_dimension_with_clock(number);
    relation regclass := _timescaledb_stand_in.table_of(number);
    older_than bigint;
BEGIN
    PERFORM _timescaledb_stand_in.require_licensed();
    PERFORM @functions@.policy_compression_check(config);
    older_than := CASE
        WHEN config ? 'compress_created_before' THEN NULL
        WHEN _timescaledb_stand_in.is_integer(dimension.column_type)
            THEN _timescaledb_stand_in.integer_now(dimension) - (config ->> 'compress_after')::bigint
        ELSE _timescaledb_stand_in.internal(now() - (config ->> 'compress_after')::interval) END;
    PERFORM public.compress_chunk(format('%I.%I', c.schema_name, c.table_name)::regclass)
    FROM _timescaledb_stand_in.chunk c
    JOIN _timescaledb_catalog.dimension_slice s ON s.chunk_id = c.id AND s.dimension_id = dimension.id
    WHERE c.hypertable_id = number AND c.compressed_chunk_id IS NULL AND (
        s.range_end <= older_than OR c.creation_time < now() - (config ->> 'compress_created_before')::interval
    );
END
$$;
