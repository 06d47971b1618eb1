-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Chunks: real tables that inherit from the hypertable, made as rows come in.

-- Where a value of a dimension belongs: the range of a new chunk, before it gives way to its neighbours.
CREATE FUNCTION _timescaledb_stand_in.range_of(dimension _timescaledb_catalog.dimension, value bigint)
RETURNS int8range LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    length bigint := dimension.interval_length;
    lower_end bigint;
    slice integer;
BEGIN
    IF length IS NOT NULL THEN
        lower_end := value - ((value % length) + length) % length;
        RETURN int8range(lower_end, lower_end + length);
    END IF;
    length := 2147483647 / dimension.num_slices;
    slice := least(value / length, dimension.num_slices - 1);
    RETURN int8range(
        CASE WHEN slice = 0 THEN -9223372036854775808 ELSE slice * length END,
        CASE WHEN slice = dimension.num_slices - 1 THEN 9223372036854775807 ELSE (slice + 1) * length END
    );
END
$$;

-- The chunk for a point, whose coordinates are in the order of the dimensions; NULL where there is none yet.
CREATE FUNCTION _timescaledb_stand_in.find_chunk(hypertable_id integer, point bigint[]) RETURNS regclass
LANGUAGE sql STABLE AS $$
    SELECT format('%I.%I', c.schema_name, c.table_name)::regclass
    FROM (
        SELECT d.id, row_number() OVER (ORDER BY d.id) AS position
        FROM _timescaledb_catalog.dimension d WHERE d.hypertable_id = $1
    ) d
    JOIN _timescaledb_catalog.dimension_slice s
        ON s.dimension_id = d.id AND s.range_start <= point[d.position] AND point[d.position] < s.range_end
    JOIN _timescaledb_stand_in.chunk c ON c.id = s.chunk_id
    GROUP BY c.id
    HAVING count(*) = cardinality(point)
$$;

CREATE FUNCTION _timescaledb_stand_in.make_chunk(hypertable_id integer, point bigint[]) RETURNS regclass
LANGUAGE plpgsql SET client_min_messages = 'warning' AS $$
DECLARE
    target _timescaledb_stand_in.hypertable;
    relation regclass := _timescaledb_stand_in.table_of(hypertable_id);
    dimension _timescaledb_catalog.dimension;
    chunk_id integer;
    chunk_name text;
    range int8range;
    position integer := 0;
    checks text[] := '{}';
BEGIN
    SELECT * INTO target FROM _timescaledb_stand_in.hypertable h WHERE h.id = hypertable_id;
    chunk_id := nextval('_timescaledb_catalog.chunk_id_seq');
    chunk_name := format('%s_%s_chunk', target.associated_table_prefix, chunk_id);
    INSERT INTO _timescaledb_stand_in.chunk (id, hypertable_id, schema_name, table_name, creation_time)
    VALUES (chunk_id, hypertable_id, target.associated_schema_name, chunk_name, clock_timestamp());
    FOR dimension IN SELECT * FROM _timescaledb_catalog.dimension d WHERE d.hypertable_id = $1 ORDER BY d.id LOOP
        position := position + 1;
        range := _timescaledb_stand_in.range_of(dimension, point[position]);
        -- After a change of the interval there are chunks of other lengths: the new one takes what they leave.
        IF dimension.interval_length IS NOT NULL THEN
            SELECT range * int8range(max(s.range_end) FILTER (WHERE s.range_end <= point[position]),
                                     min(s.range_start) FILTER (WHERE s.range_start > point[position]))
            INTO range
            FROM _timescaledb_catalog.dimension_slice s WHERE s.dimension_id = dimension.id;
            checks := checks || format(
                '%1$I >= %2$s AND %1$I < %3$s', dimension.column_name,
                _timescaledb_stand_in.literal(lower(range), dimension.column_type),
                _timescaledb_stand_in.literal(upper(range), dimension.column_type)
            );
        ELSE
            checks := checks || format(
                '@functions@.get_partition_hash(%1$I) >= %2$s AND @functions@.get_partition_hash(%1$I) < %3$s',
                dimension.column_name, greatest(lower(range), 0), least(upper(range), 2147483648)
            );
        END IF;
        INSERT INTO _timescaledb_catalog.dimension_slice (chunk_id, dimension_id, range_start, range_end)
        VALUES (chunk_id, dimension.id, lower(range), upper(range));
    END LOOP;
    EXECUTE format(
        'CREATE TABLE %I.%I (LIKE %s INCLUDING INDEXES, CONSTRAINT constraint_%s CHECK (%s)) INHERITS (%3$s)',
        target.associated_schema_name, chunk_name, relation, chunk_id, array_to_string(checks, ' AND ')
    );
    PERFORM _timescaledb_stand_in.adopt(relation, format('%I.%I', target.associated_schema_name, chunk_name));
    RETURN format('%I.%I', target.associated_schema_name, chunk_name)::regclass;
END
$$;

-- Give a chunk what inheritance does not: the owner, the foreign keys, and that it goes with its hypertable.
CREATE FUNCTION _timescaledb_stand_in.adopt(relation regclass, chunk regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    foreign_key record;
BEGIN
    EXECUTE format('ALTER TABLE %s OWNER TO %s', chunk, _timescaledb_stand_in.owner_of(relation));
    FOR foreign_key IN
        SELECT conname, pg_get_constraintdef(oid) AS definition
        FROM pg_constraint WHERE conrelid = relation AND contype = 'f'
    LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', chunk, foreign_key.conname, foreign_key.definition);
    END LOOP;
    -- As PostgreSQL has it for partitions, but not for children.
    UPDATE pg_depend SET deptype = 'a'
    WHERE classid = 'pg_class'::regclass AND objid = chunk AND objsubid = 0
        AND refclassid = 'pg_class'::regclass AND refobjid = relation AND refobjsubid = 0 AND deptype = 'n';
END
$$;

-- The trigger of every hypertable: it puts a row into its chunk. So INSERT counts no rows, other than in TimescaleDB.
CREATE FUNCTION _timescaledb_stand_in.route() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    number integer := TG_ARGV[0];
    dimension record;
    value bigint;
    point bigint[] := '{}';
    chunk regclass;
BEGIN
    FOR dimension IN
        SELECT column_name, interval_length IS NOT NULL AS by_range
        FROM _timescaledb_catalog.dimension WHERE hypertable_id = number ORDER BY id
    LOOP
        EXECUTE format(
            CASE WHEN dimension.by_range THEN 'SELECT _timescaledb_stand_in.internal(($1).%I)'
                ELSE 'SELECT @functions@.get_partition_hash(($1).%I)' END, dimension.column_name
        ) INTO value USING NEW;
        IF value IS NULL AND dimension.by_range THEN
            RAISE EXCEPTION 'NULL value in column "%" violates not-null constraint', dimension.column_name
                USING ERRCODE = '23502', HINT = 'Columns used for time partitioning cannot be NULL.';
        END IF;
        point := point || coalesce(value, 0);
    END LOOP;
    chunk := _timescaledb_stand_in.find_chunk(number, point);
    IF chunk IS NULL THEN
        -- One at a time, so that two sessions do not make the same chunk.
        PERFORM pg_advisory_xact_lock('_timescaledb_stand_in.chunk'::regclass::integer, number);
        chunk := coalesce(
            _timescaledb_stand_in.find_chunk(number, point), _timescaledb_stand_in.make_chunk(number, point)
        );
    END IF;
    EXECUTE format('INSERT INTO %s SELECT ($1).*', chunk) USING NEW;
    PERFORM _timescaledb_stand_in.invalidate(number, point[1], point[1]);
    RETURN NULL;
END
$$;

-- The chunks of a new hypertable's old rows.
CREATE FUNCTION _timescaledb_stand_in.migrate(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TEMPORARY TABLE _timescaledb_migrated ON COMMIT DROP AS TABLE ONLY %s', relation);
    EXECUTE format('DELETE FROM ONLY %s', relation);
    EXECUTE format('INSERT INTO %s TABLE _timescaledb_migrated', relation);
    DROP TABLE _timescaledb_migrated;
END
$$;

-- Empty chunks for as many moments, for tests with thousands of them.
CREATE FUNCTION _timescaledb_stand_in.make_chunks(relation regclass, count integer, newest timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    target _timescaledb_stand_in.hypertable := _timescaledb_stand_in.hypertable_of(relation);
    dimension _timescaledb_catalog.dimension := _timescaledb_stand_in.time_dimension(target.id);
BEGIN
    PERFORM _timescaledb_stand_in.make_chunk(
        target.id, ARRAY[_timescaledb_stand_in.internal(newest) - n * dimension.interval_length]
    ) FROM generate_series(count - 1, 0, -1) n;
END
$$;

-- A bound of show_chunks and drop_chunks as a column's own count of time.
CREATE FUNCTION _timescaledb_stand_in.bound(value _timescaledb_stand_in.value, column_type regtype) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    value_type regtype := _timescaledb_stand_in.type_of(value);
    result bigint;
BEGIN
    IF value IS NULL THEN
        RETURN NULL;
    ELSIF column_type = 'uuid'::regtype THEN
        column_type := 'timestamptz';
    END IF;
    IF value_type = 'interval'::regtype AND NOT _timescaledb_stand_in.is_integer(column_type) THEN
        EXECUTE format('SELECT _timescaledb_stand_in.internal((now() - $1::interval)::%s)', column_type)
        INTO result USING _timescaledb_stand_in.text_of(value);
    ELSIF value_type IS NULL OR value_type = column_type OR EXISTS (
        SELECT FROM pg_cast WHERE castsource = value_type AND casttarget = column_type AND castcontext = 'i'
    ) THEN
        EXECUTE format(
            'SELECT _timescaledb_stand_in.internal($1::%s::%s)', coalesce(value_type, column_type), column_type
        ) INTO result USING _timescaledb_stand_in.text_of(value);
    ELSE
        RAISE EXCEPTION 'invalid time argument type "%"', value_type
            USING ERRCODE = '22023', HINT = format('Try casting the argument to "%s".', column_type);
    END IF;
    RETURN result;
END
$$;

-- The chunks that lie wholly before or after the bounds, of data or of creation.
CREATE FUNCTION _timescaledb_stand_in.chunks_between(
    relation regclass, older_than _timescaledb_stand_in.value, newer_than _timescaledb_stand_in.value,
    created_before _timescaledb_stand_in.value, created_after _timescaledb_stand_in.value
) RETURNS SETOF _timescaledb_stand_in.chunk LANGUAGE plpgsql STABLE AS $$
DECLARE
    target _timescaledb_stand_in.hypertable := _timescaledb_stand_in.hypertable_of(relation);
    dimension _timescaledb_catalog.dimension;
    upper_end bigint;
    lower_end bigint;
    created_upper bigint;
    created_lower bigint;
BEGIN
    PERFORM _timescaledb_stand_in.require_chunked(relation);
    IF num_nonnulls(older_than, newer_than) > 0 AND num_nonnulls(created_before, created_after) > 0 THEN
        RAISE EXCEPTION 'cannot specify "older_than" or "newer_than" together with "created_before"or "created_after"'
            USING ERRCODE = '22023';
    END IF;
    dimension := _timescaledb_stand_in.time_dimension(target.id);
    upper_end := _timescaledb_stand_in.bound(older_than, dimension.column_type);
    lower_end := _timescaledb_stand_in.bound(newer_than, dimension.column_type);
    created_upper := _timescaledb_stand_in.bound(created_before, 'timestamptz');
    created_lower := _timescaledb_stand_in.bound(created_after, 'timestamptz');
    RETURN QUERY
        SELECT c.* FROM _timescaledb_stand_in.chunk c
        JOIN _timescaledb_catalog.dimension_slice s ON s.chunk_id = c.id AND s.dimension_id = dimension.id
        WHERE c.hypertable_id = target.id AND NOT c.osm_chunk
            AND (upper_end IS NULL OR s.range_end <= upper_end)
            AND (lower_end IS NULL OR s.range_start >= lower_end)
            AND (created_upper IS NULL OR _timescaledb_stand_in.internal(c.creation_time) < created_upper)
            AND (created_lower IS NULL OR _timescaledb_stand_in.internal(c.creation_time) > created_lower)
        ORDER BY c.id;
END
$$;

CREATE FUNCTION public.show_chunks(
    relation regclass, older_than _timescaledb_stand_in.value DEFAULT NULL,
    newer_than _timescaledb_stand_in.value DEFAULT NULL
    , created_before _timescaledb_stand_in.value DEFAULT NULL -- since 2.13
    , created_after _timescaledb_stand_in.value DEFAULT NULL -- since 2.13
) RETURNS SETOF regclass LANGUAGE sql STABLE AS $$
    SELECT format('%I.%I', schema_name, table_name)::regclass
    FROM _timescaledb_stand_in.chunks_between(
        relation, older_than, newer_than
        , created_before, created_after -- since 2.13
        , NULL, NULL -- before 2.13
    )
$$;

CREATE FUNCTION public.drop_chunks(
    relation regclass, older_than _timescaledb_stand_in.value DEFAULT NULL,
    newer_than _timescaledb_stand_in.value DEFAULT NULL, verbose boolean DEFAULT false
    , created_before _timescaledb_stand_in.value DEFAULT NULL -- since 2.13
    , created_after _timescaledb_stand_in.value DEFAULT NULL -- since 2.13
) RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    chunk _timescaledb_stand_in.chunk;
    created boolean := false;
BEGIN
    PERFORM _timescaledb_stand_in.require_writable('drop_chunks');
    created := num_nonnulls(created_before, created_after) > 0; -- since 2.13
    IF (_timescaledb_stand_in.hypertable_of(relation)).id IS NOT NULL THEN
        PERFORM _timescaledb_stand_in.require_owner(relation, _timescaledb_stand_in.kind_of(relation));
        IF num_nonnulls(older_than, newer_than) = 0 AND NOT created THEN
            RAISE EXCEPTION 'invalid time range for dropping chunks' USING ERRCODE = '22023',
                HINT = 'At least one of older_than/newer_than or created_before/created_after must be provided.';
        END IF;
    END IF;
    FOR chunk IN
        SELECT * FROM _timescaledb_stand_in.chunks_between(
            relation, older_than, newer_than
            , created_before, created_after -- since 2.13
            , NULL, NULL -- before 2.13
        )
    LOOP
        -- Frozen chunks stay, without a word.
        CONTINUE WHEN chunk.status & 4 <> 0;
        PERFORM _timescaledb_stand_in.drop_chunk(chunk);
        RETURN NEXT format('%I.%I', chunk.schema_name, chunk.table_name);
    END LOOP;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.drop_chunk(chunk _timescaledb_stand_in.chunk) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    slice _timescaledb_catalog.dimension_slice;
    companion _timescaledb_stand_in.chunk;
BEGIN
    SELECT s.* INTO slice FROM _timescaledb_catalog.dimension_slice s
    JOIN _timescaledb_catalog.dimension d ON d.id = s.dimension_id AND d.interval_length IS NOT NULL
    WHERE s.chunk_id = chunk.id ORDER BY d.id LIMIT 1;
    -- What continuous aggregates know of the range becomes wrong, and the next refresh loses it (fact 1.1.9).
    IF NOT coalesce(current_setting('timescaledb.skip_cagg_invalidation', true)::boolean, false) THEN -- since 2.28
    PERFORM _timescaledb_stand_in.invalidate(chunk.hypertable_id, slice.range_start, slice.range_end - 1);
    END IF; -- since 2.28
    SELECT * INTO companion FROM _timescaledb_stand_in.chunk c WHERE c.id = chunk.compressed_chunk_id;
    -- The event trigger removes the rows of the catalog.
    EXECUTE format('DROP TABLE %I.%I', chunk.schema_name, chunk.table_name);
    IF companion.id IS NOT NULL THEN
        EXECUTE format('DROP TABLE %I.%I', companion.schema_name, companion.table_name);
    END IF;
END
$$;

-- since 2.12 {
CREATE FUNCTION @functions@.freeze_chunk(chunk regclass) RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$
    UPDATE _timescaledb_stand_in.chunk c SET status = status | 4
    WHERE format('%I.%I', c.schema_name, c.table_name)::regclass = chunk RETURNING true
$$;

CREATE FUNCTION @functions@.unfreeze_chunk(chunk regclass) RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$
    UPDATE _timescaledb_stand_in.chunk c SET status = status & ~4
    WHERE format('%I.%I', c.schema_name, c.table_name)::regclass = chunk RETURNING true
$$;
-- }
