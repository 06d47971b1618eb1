-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Hypertables and their chunks: real tables that inherit from the hypertable, made as rows come in.

CREATE FUNCTION public.create_hypertable(
    relation regclass, time_column_name name, partitioning_column name DEFAULT NULL,
    number_partitions integer DEFAULT NULL, chunk_time_interval anyelement DEFAULT NULL::bigint,
    create_default_indexes boolean DEFAULT true
) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    number integer;
BEGIN
    PERFORM _timescaledb_stand_in.require_owner(relowner, format('must be owner of table "%s"', relname))
    FROM pg_class WHERE oid = relation;
    INSERT INTO _timescaledb_stand_in.hypertable AS h (relation) VALUES (create_hypertable.relation)
    RETURNING h.id INTO number;
    INSERT INTO _timescaledb_catalog.dimension (hypertable_id, column_name, column_type, interval_length, num_slices)
    SELECT number, a.attname, a.atttypid, d.length, d.slices
    FROM (VALUES
        (time_column_name, coalesce(_timescaledb_stand_in.length_of(chunk_time_interval), 604800000000), NULL),
        (partitioning_column, NULL, number_partitions)
    ) d (name, length, slices)
    JOIN pg_attribute a ON a.attrelid = relation AND a.attname = d.name;
    IF create_default_indexes THEN
        EXECUTE format('CREATE INDEX ON %s (%I DESC)', relation, time_column_name);
    END IF;
    EXECUTE format(
        'CREATE TRIGGER ts_insert_blocker BEFORE INSERT ON %s FOR EACH ROW'
        ' EXECUTE FUNCTION _timescaledb_stand_in.route(%s)', relation, number
    );
    RETURN number;
END
$$;

-- The trigger of every hypertable: it puts a row into its chunk. So INSERT counts no rows, other than in TimescaleDB.
CREATE FUNCTION _timescaledb_stand_in.route() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    number integer := TG_ARGV[0];
    dimension _timescaledb_catalog.dimension;
    value bigint;
    part integer := 0;
    chunk regclass;
BEGIN
    FOR dimension IN SELECT * FROM _timescaledb_catalog.dimension d WHERE d.hypertable_id = number LOOP
        IF dimension.num_slices IS NULL THEN
            EXECUTE format('SELECT _timescaledb_stand_in.internal(($1).%I)', dimension.column_name)
            INTO value USING NEW;
        ELSE
            EXECUTE format('SELECT abs(hashtext(($1).%I::text) %% $2)', dimension.column_name)
            INTO part USING NEW, dimension.num_slices;
        END IF;
    END LOOP;
    chunk := _timescaledb_stand_in.find_chunk(number, value, part);
    IF chunk IS NULL THEN
        -- One at a time, so that two sessions do not make the same chunk.
        PERFORM pg_advisory_xact_lock('_timescaledb_stand_in.chunk'::regclass::integer, number);
        chunk := coalesce(
            _timescaledb_stand_in.find_chunk(number, value, part),
            _timescaledb_stand_in.make_chunk(number, TG_RELID, value, part)
        );
    END IF;
    EXECUTE format('INSERT INTO %s SELECT ($1).*', chunk) USING NEW;
    RETURN NULL;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.find_chunk(number integer, value bigint, part integer) RETURNS regclass
LANGUAGE sql VOLATILE AS $$
    SELECT k.relation::regclass FROM _timescaledb_stand_in.chunk k
    WHERE k.hypertable_id = number AND k.range_start <= value AND value < k.range_end AND k.slice = part
$$;

CREATE FUNCTION _timescaledb_stand_in.make_chunk(number integer, relation regclass, value bigint, part integer)
RETURNS regclass LANGUAGE plpgsql SET client_min_messages = 'warning' AS $$
DECLARE
    length bigint := (_timescaledb_stand_in.time_dimension(number)).interval_length;
    first bigint := value - ((value % length) + length) % length;
    chunk_id integer := nextval('_timescaledb_stand_in.chunk_id_seq');
    chunk text := format('_timescaledb_internal._hyper_%s_%s_chunk', number, chunk_id);
    foreign_key record;
BEGIN
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING INDEXES) INHERITS (%2$s)', chunk, relation);
    FOR foreign_key IN
        SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
        WHERE conrelid = relation AND contype = 'f'
    LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', chunk, foreign_key.conname, foreign_key.definition);
    END LOOP;
    -- It goes with its hypertable, as PostgreSQL has it for partitions, but not for children.
    UPDATE pg_depend SET deptype = 'a'
    WHERE classid = 'pg_class'::regclass AND objid = chunk::regclass AND objsubid = 0
        AND refclassid = 'pg_class'::regclass AND refobjid = relation AND refobjsubid = 0 AND deptype = 'n';
    -- After a change of the interval there are chunks of other lengths: the new one takes what they leave.
    INSERT INTO _timescaledb_stand_in.chunk (id, hypertable_id, relation, range_start, range_end, slice)
    SELECT chunk_id, number, chunk::regclass,
        greatest(first, max(k.range_end) FILTER (WHERE k.range_end <= value)),
        least(first + length, min(k.range_start) FILTER (WHERE k.range_start > value)), part
    FROM _timescaledb_stand_in.chunk k WHERE k.hypertable_id = number;
    RETURN chunk;
END
$$;

-- The chunks of which all is older than a moment, or that were made before one; without either, all.
CREATE FUNCTION _timescaledb_stand_in.chunks_before(number integer, moment bigint, creation timestamptz)
RETURNS SETOF _timescaledb_stand_in.chunk LANGUAGE sql STABLE AS $$
    SELECT * FROM _timescaledb_stand_in.chunk k
    WHERE k.hypertable_id = number AND coalesce(k.range_end <= moment, k.creation_time < creation, true) ORDER BY k.id
$$;

CREATE FUNCTION public.show_chunks(
    relation regclass, older_than anyelement DEFAULT NULL::interval, created_before interval DEFAULT NULL
) RETURNS SETOF regclass LANGUAGE sql STABLE AS $$
    SELECT k.relation::regclass
    FROM _timescaledb_stand_in.hypertable_of($1) h, _timescaledb_stand_in.time_dimension(h.id) d,
        _timescaledb_stand_in.chunks_before(h.id, _timescaledb_stand_in.moment($2, d.column_type), now() - $3) k
$$;

CREATE FUNCTION public.drop_chunks(
    relation regclass, older_than anyelement DEFAULT NULL::interval, created_before interval DEFAULT NULL
) RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM _timescaledb_stand_in.own_hypertable(relation);
    IF num_nonnulls(older_than, created_before) = 0 THEN
        RAISE EXCEPTION 'invalid time range for dropping chunks' USING ERRCODE = '22023';
    END IF;
    RETURN QUERY
        SELECT _timescaledb_stand_in.drop_chunk(k)
        FROM public.show_chunks(relation, older_than, created_before) shown
        JOIN _timescaledb_stand_in.chunk k ON k.relation = shown;
END
$$;

-- With its companion in the columnstore; return its name.
CREATE FUNCTION _timescaledb_stand_in.drop_chunk(chunk _timescaledb_stand_in.chunk) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    name text := chunk.relation::regclass;
    dropped regclass;
BEGIN
    FOR dropped IN
        SELECT k.relation FROM _timescaledb_stand_in.chunk k WHERE k.id IN (chunk.id, chunk.compressed_chunk_id)
    LOOP
        EXECUTE format('DROP TABLE %s', dropped);
    END LOOP;
    RETURN name;
END
$$;

CREATE FUNCTION public.set_chunk_time_interval(hypertable regclass, chunk_time_interval anyelement) RETURNS void
LANGUAGE sql SECURITY DEFINER AS $$
    UPDATE _timescaledb_catalog.dimension SET interval_length = _timescaledb_stand_in.length_of($2)
    WHERE hypertable_id = (_timescaledb_stand_in.own_hypertable($1)).id AND num_slices IS NULL
$$;

CREATE FUNCTION public.set_integer_now_func(
    hypertable regclass, integer_now_func regproc, replace_if_exists boolean DEFAULT false
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    UPDATE _timescaledb_catalog.dimension d SET (integer_now_func_schema, integer_now_func) = (
        SELECT n.nspname, p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = $2
    )
    WHERE d.hypertable_id = (_timescaledb_stand_in.own_hypertable(hypertable)).id
        AND (d.integer_now_func IS NULL OR replace_if_exists);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'custom time function already set for hypertable "%"', hypertable USING ERRCODE = '42710';
    END IF;
END
$$;
