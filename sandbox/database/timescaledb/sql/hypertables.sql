-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Making and changing hypertables.

-- What by_range and by_hash tell; TimescaleDB has a type of its own in C.
-- since 2.13 {
CREATE TYPE _timescaledb_internal.dimension_info AS (
    column_name name, interval_length bigint, interval_type regtype, num_slices smallint, partition_func regproc
);

CREATE FUNCTION public.by_range(
    column_name name, partition_interval anyelement DEFAULT NULL::bigint, partition_func regproc DEFAULT NULL
) RETURNS _timescaledb_internal.dimension_info LANGUAGE plpgsql AS $$
BEGIN
    RETURN (
        column_name,
        _timescaledb_stand_in.interval_length(partition_interval),
        CASE WHEN partition_interval IS NOT NULL THEN pg_typeof(partition_interval) END,
        NULL,
        partition_func
    )::_timescaledb_internal.dimension_info;
END
$$;

CREATE FUNCTION public.by_hash(column_name name, number_partitions integer, partition_func regproc DEFAULT NULL)
RETURNS _timescaledb_internal.dimension_info LANGUAGE sql AS $$
    SELECT column_name, NULL::bigint, NULL::regtype, number_partitions::smallint, partition_func
$$;
-- }

CREATE FUNCTION _timescaledb_stand_in.interval_length(value anyelement) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF value IS NULL THEN
        RETURN NULL;
    ELSIF pg_typeof(value) = 'interval'::regtype THEN
        RETURN _timescaledb_stand_in.internal(value::text::interval);
    ELSIF _timescaledb_stand_in.is_integer(pg_typeof(value)) THEN
        RETURN value::text::bigint;
    END IF;
    RAISE EXCEPTION 'invalid interval type for % dimension', pg_typeof(value) USING ERRCODE = '22023';
END
$$;

CREATE FUNCTION _timescaledb_stand_in.add_range(
    hypertable_id integer, relation regclass, column_name name, length bigint, length_type regtype
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    column_type regtype := _timescaledb_stand_in.column_type(relation, column_name);
    dimension_id integer;
BEGIN
    length := _timescaledb_stand_in.checked_length(column_name, column_type, length, length_type);
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', relation, column_name);
    INSERT INTO _timescaledb_catalog.dimension (hypertable_id, column_name, column_type, aligned, interval_length)
    VALUES (hypertable_id, column_name, column_type, true, length) RETURNING id INTO dimension_id;
    RETURN dimension_id;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.add_hash(
    hypertable_id integer, relation regclass, column_name name, partitions smallint
) RETURNS integer LANGUAGE sql AS $$
    INSERT INTO _timescaledb_catalog.dimension (
        hypertable_id, column_name, column_type, aligned, num_slices, partitioning_func_schema, partitioning_func
    ) VALUES (
        hypertable_id, column_name, _timescaledb_stand_in.column_type(relation, column_name), false, partitions,
        '@functions@', 'get_partition_hash'
    ) RETURNING id
$$;

CREATE FUNCTION _timescaledb_stand_in.column_type(relation regclass, column_name name) RETURNS regtype
LANGUAGE plpgsql STABLE AS $$
DECLARE
    type regtype := (
        SELECT atttypid FROM pg_attribute
        WHERE attrelid = relation AND attname = column_name AND attnum > 0 AND NOT attisdropped
    );
BEGIN
    IF type IS NULL THEN
        RAISE EXCEPTION 'column "%" does not exist', column_name USING ERRCODE = '42703';
    END IF;
    RETURN type;
END
$$;

-- The length of a chunk as it is kept, with TimescaleDB's default where there is none.
CREATE FUNCTION _timescaledb_stand_in.checked_length(
    column_name name, column_type regtype, length bigint, length_type regtype
) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF _timescaledb_stand_in.is_integer(column_type) THEN
        IF length IS NULL THEN
            length := CASE column_type
                WHEN 'smallint'::regtype THEN 10000 WHEN 'integer'::regtype THEN 100000 ELSE 1000000 END;
        ELSIF NOT _timescaledb_stand_in.is_integer(length_type) THEN
            RAISE EXCEPTION 'invalid interval type for % dimension', column_type
                USING ERRCODE = '22023', HINT = 'Use an interval of type integer.';
        END IF;
    ELSIF column_type IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
        OR column_type = 'uuid'::regtype -- since 2.25
    THEN
        length := coalesce(length, 604800000000);
    ELSE
        RAISE EXCEPTION 'invalid type for dimension "%"', column_name
            USING ERRCODE = '42809', HINT = 'Use an integer, timestamp, or date type.';
    END IF;
    IF length <= 0 AND length_type = 'interval'::regtype THEN
        RAISE EXCEPTION 'invalid interval for % dimension', column_type
            USING ERRCODE = '22023', HINT = 'Use a positive interval.';
    ELSIF length <= 0 THEN
        RAISE EXCEPTION 'invalid interval: must be between 1 and 9223372036854775807' USING ERRCODE = '22023';
    END IF;
    RETURN length;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.create_hypertable(
    relation regclass, column_name name, length bigint, length_type regtype, hash_column name, partitions integer,
    create_default_indexes boolean, if_not_exists boolean, migrate_data boolean
) RETURNS TABLE (hypertable_id integer, schema_name name, table_name name, created boolean)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    target _timescaledb_stand_in.hypertable := _timescaledb_stand_in.hypertable_of(relation);
    number integer;
    has_rows boolean;
BEGIN
    PERFORM _timescaledb_stand_in.require_writable('create_hypertable');
    PERFORM _timescaledb_stand_in.require_owner(relation, 'table');
    SELECT nspname, relname INTO schema_name, table_name
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE pg_class.oid = relation;
    IF target.id IS NOT NULL THEN
        IF NOT if_not_exists THEN
            RAISE EXCEPTION 'table "%" is already a hypertable', table_name USING ERRCODE = 'TS110';
        END IF;
        RAISE NOTICE 'table "%" is already a hypertable, skipping', table_name USING ERRCODE = 'TS110';
        hypertable_id := target.id;
        created := false;
        RETURN NEXT;
        RETURN;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s)', relation) INTO has_rows;
    IF has_rows AND NOT migrate_data THEN
        RAISE EXCEPTION 'table "%" is not empty', table_name USING ERRCODE = '0A000',
            HINT = 'You can migrate data by specifying ''migrate_data => true'' when calling this function.';
    END IF;
    PERFORM _timescaledb_stand_in.check_unique_indexes(relation, column_name);
    number := nextval('_timescaledb_catalog.hypertable_id_seq');
    INSERT INTO _timescaledb_stand_in.hypertable (
        id, schema_name, table_name, associated_schema_name, associated_table_prefix, num_dimensions
    ) VALUES (
        number, schema_name, table_name, '_timescaledb_internal', '_hyper_' || number,
        CASE WHEN hash_column IS NULL THEN 1 ELSE 2 END
    );
    PERFORM _timescaledb_stand_in.add_range(number, relation, column_name, length, length_type);
    IF hash_column IS NOT NULL THEN
        PERFORM _timescaledb_stand_in.add_hash(number, relation, hash_column, partitions::smallint);
    END IF;
    IF create_default_indexes AND NOT EXISTS (
        SELECT FROM pg_index JOIN pg_attribute a ON a.attrelid = indrelid AND a.attnum = indkey[0]
        WHERE indrelid = relation AND attname = column_name AND indnatts = 1
    ) THEN
        EXECUTE format('CREATE INDEX ON %s (%I DESC)', relation, column_name);
    END IF;
    EXECUTE format(
        'CREATE TRIGGER ts_insert_blocker BEFORE INSERT ON %s FOR EACH ROW'
        ' EXECUTE FUNCTION _timescaledb_stand_in.route(%s)', relation, number
    );
    IF has_rows THEN
        RAISE NOTICE 'migrating data to chunks' USING
            DETAIL = 'Migration might take a while depending on the amount of data.';
        PERFORM _timescaledb_stand_in.migrate(relation);
    END IF;
    hypertable_id := number;
    created := true;
    RETURN NEXT;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.check_unique_indexes(relation regclass, column_name name) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_index WHERE indrelid = relation AND indisunique AND NOT EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = relation AND attname = column_name AND attnum = ANY (indkey)
        )
    ) THEN
        RAISE EXCEPTION 'cannot create a unique index without the column "%" (used in partitioning)', column_name
            USING ERRCODE = 'TS103', HINT = 'If you''re creating a hypertable on a table with a primary key,'
                ' ensure the partitioning column is part of the primary or composite key.';
    END IF;
END
$$;

CREATE FUNCTION public.create_hypertable(
    relation regclass, time_column_name name, partitioning_column name DEFAULT NULL,
    number_partitions integer DEFAULT NULL, associated_schema_name name DEFAULT NULL,
    associated_table_prefix name DEFAULT NULL, chunk_time_interval anyelement DEFAULT NULL::bigint,
    create_default_indexes boolean DEFAULT true, if_not_exists boolean DEFAULT false,
    partitioning_func regproc DEFAULT NULL, migrate_data boolean DEFAULT false,
    time_partitioning_func regproc DEFAULT NULL
) RETURNS TABLE (hypertable_id integer, schema_name name, table_name name, created boolean) LANGUAGE sql AS $$
    SELECT * FROM _timescaledb_stand_in.create_hypertable(
        relation, time_column_name, _timescaledb_stand_in.interval_length(chunk_time_interval),
        pg_typeof(chunk_time_interval), partitioning_column, number_partitions, create_default_indexes, if_not_exists,
        migrate_data
    )
$$;

-- since 2.13 {
CREATE FUNCTION public.create_hypertable(
    relation regclass, dimension _timescaledb_internal.dimension_info, create_default_indexes boolean DEFAULT true,
    if_not_exists boolean DEFAULT false, migrate_data boolean DEFAULT false
) RETURNS TABLE (hypertable_id integer, created boolean) LANGUAGE sql AS $$
    SELECT h.hypertable_id, h.created
    FROM _timescaledb_stand_in.create_hypertable(
        relation, (dimension).column_name, (dimension).interval_length, (dimension).interval_type, NULL, NULL,
        create_default_indexes, if_not_exists, migrate_data
    ) h
$$;

CREATE FUNCTION public.add_dimension(
    hypertable regclass, dimension _timescaledb_internal.dimension_info, if_not_exists boolean DEFAULT false
) RETURNS TABLE (dimension_id integer, created boolean) LANGUAGE sql AS $$
    SELECT * FROM _timescaledb_stand_in.add_dimension(
        hypertable, (dimension).column_name, (dimension).num_slices, (dimension).interval_length,
        (dimension).interval_type, if_not_exists
    )
$$;
-- }

CREATE FUNCTION public.add_dimension(
    hypertable regclass, column_name name, number_partitions integer DEFAULT NULL,
    chunk_time_interval anyelement DEFAULT NULL::bigint, partitioning_func regproc DEFAULT NULL,
    if_not_exists boolean DEFAULT false
) RETURNS TABLE (dimension_id integer, schema_name name, table_name name, column_name name, created boolean)
LANGUAGE sql AS $$
    SELECT a.dimension_id, h.schema_name, h.table_name, $2, a.created
    FROM _timescaledb_stand_in.add_dimension(
        $1, $2, $3::smallint, _timescaledb_stand_in.interval_length($4), pg_typeof($4), $6
    ) a, _timescaledb_stand_in.hypertable_of($1) h
$$;

CREATE FUNCTION _timescaledb_stand_in.add_dimension(
    relation regclass, name name, partitions smallint, length bigint, length_type regtype, if_not_exists boolean
) RETURNS TABLE (dimension_id integer, created boolean) LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    target _timescaledb_stand_in.hypertable := _timescaledb_stand_in.require_hypertable(relation);
BEGIN
    SELECT id INTO dimension_id FROM _timescaledb_catalog.dimension d
    WHERE d.hypertable_id = target.id AND d.column_name = name;
    IF FOUND THEN
        IF NOT if_not_exists THEN
            RAISE EXCEPTION 'column "%" is already a dimension', name USING ERRCODE = 'TS160';
        END IF;
        RAISE NOTICE 'column "%" is already a dimension, skipping', name;
        created := false;
        RETURN NEXT;
        RETURN;
    END IF;
    dimension_id := CASE WHEN partitions IS NULL
        THEN _timescaledb_stand_in.add_range(target.id, relation, name, length, length_type)
        ELSE _timescaledb_stand_in.add_hash(target.id, relation, name, partitions) END;
    UPDATE _timescaledb_stand_in.hypertable SET num_dimensions = num_dimensions + 1 WHERE id = target.id;
    created := true;
    RETURN NEXT;
END
$$;

-- The hypertable, for functions that change one; it must be the caller's own, and no continuous aggregate.
CREATE FUNCTION _timescaledb_stand_in.require_hypertable(relation regclass) RETURNS _timescaledb_stand_in.hypertable
LANGUAGE plpgsql AS $$
DECLARE
    target _timescaledb_stand_in.hypertable := _timescaledb_stand_in.hypertable_of(relation);
BEGIN
    IF target.id IS NULL THEN
        RAISE EXCEPTION 'table "%" is not a hypertable', _timescaledb_stand_in.name_of(relation)
            USING ERRCODE = 'TS001';
    END IF;
    PERFORM _timescaledb_stand_in.require_owner(relation);
    RETURN target;
END
$$;

CREATE FUNCTION public.set_chunk_time_interval(
    hypertable regclass, chunk_time_interval anyelement, dimension_name name DEFAULT NULL
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    target _timescaledb_stand_in.hypertable;
BEGIN
    PERFORM _timescaledb_stand_in.require_writable('set_chunk_time_interval');
    PERFORM _timescaledb_stand_in.require_chunked(hypertable);
    target := _timescaledb_stand_in.require_hypertable(hypertable);
    UPDATE _timescaledb_catalog.dimension d
    SET interval_length = _timescaledb_stand_in.checked_length(
        d.column_name, d.column_type, _timescaledb_stand_in.interval_length(chunk_time_interval),
        pg_typeof(chunk_time_interval)
    )
    WHERE d.hypertable_id = target.id AND d.interval_length IS NOT NULL
        AND (dimension_name IS NULL OR d.column_name = dimension_name);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'hypertable "%" does not have a matching dimension', target.table_name USING ERRCODE = 'TS002';
    END IF;
END
$$;

-- since 2.13 {
CREATE FUNCTION public.set_partitioning_interval(
    hypertable regclass, partition_interval anyelement, dimension_name name DEFAULT NULL
) RETURNS void LANGUAGE sql AS 'SELECT public.set_chunk_time_interval($1, $2, $3)';
-- }

CREATE FUNCTION public.set_integer_now_func(
    hypertable regclass, integer_now_func regproc, replace_if_exists boolean DEFAULT false
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    target _timescaledb_stand_in.hypertable;
    dimension _timescaledb_catalog.dimension;
BEGIN
    PERFORM _timescaledb_stand_in.require_writable('set_integer_now_func');
    target := _timescaledb_stand_in.require_hypertable(hypertable);
    dimension := _timescaledb_stand_in.time_dimension(target.id);
    IF dimension.integer_now_func IS NOT NULL AND NOT replace_if_exists THEN
        RAISE EXCEPTION 'custom time function already set for hypertable "%"', target.table_name
            USING ERRCODE = '42710';
    ELSIF NOT _timescaledb_stand_in.is_integer(dimension.column_type) THEN
        RAISE EXCEPTION 'custom time function not supported' USING ERRCODE = '0A000',
            HINT = 'A custom time function can only be set for hypertables that have integer time dimensions.';
    ELSIF NOT EXISTS (SELECT FROM pg_proc WHERE oid = $2 AND pronargs = 0 AND provolatile <> 'v') THEN
        RAISE EXCEPTION 'invalid custom time function' USING ERRCODE = '22023',
            HINT = 'A custom time function must take no arguments and be STABLE.';
    ELSIF NOT EXISTS (SELECT FROM pg_proc WHERE oid = $2 AND prorettype = dimension.column_type) THEN
        RAISE EXCEPTION 'invalid custom time function' USING ERRCODE = '22023', HINT = 'The return type of the custom'
            ' time function must be the same as the type of the time column of the hypertable.';
    END IF;
    UPDATE _timescaledb_catalog.dimension d
    SET (integer_now_func_schema, integer_now_func) = (
        SELECT nspname, proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE pg_proc.oid = $2
    )
    WHERE d.id = dimension.id;
END
$$;
