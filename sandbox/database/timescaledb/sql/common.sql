-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What every function of the stand-in needs: who calls, what he may do, what he means, and what time it is.

-- The functions below run as the superuser, as TimescaleDB's code does; this is who called.
CREATE FUNCTION _timescaledb_stand_in.caller() RETURNS name LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('role'), 'none'), session_user)::name
$$;

CREATE FUNCTION _timescaledb_stand_in.owner_of(relation regclass) RETURNS regrole LANGUAGE sql STABLE AS $$
    SELECT relowner::regrole FROM pg_class WHERE oid = relation
$$;

CREATE FUNCTION _timescaledb_stand_in.name_of(relation regclass) RETURNS name LANGUAGE sql STABLE AS $$
    SELECT relname FROM pg_class WHERE oid = relation
$$;

CREATE FUNCTION _timescaledb_stand_in.has_owner_privileges(owner regrole) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT pg_has_role(_timescaledb_stand_in.caller(), owner::oid, 'USAGE')
        OR pg_has_role(_timescaledb_stand_in.caller(), datdba, 'USAGE') -- since 2.28
    FROM pg_database WHERE datname = current_database()
$$;

-- Return the owner, or refuse.
CREATE FUNCTION _timescaledb_stand_in.require_owner(relation regclass, kind text DEFAULT 'hypertable') RETURNS regrole
LANGUAGE plpgsql STABLE AS $$
DECLARE
    owner regrole := _timescaledb_stand_in.owner_of(relation);
BEGIN
    IF NOT _timescaledb_stand_in.has_owner_privileges(owner) THEN
        RAISE EXCEPTION 'must be owner of % "%"', kind, _timescaledb_stand_in.name_of(relation)
            USING ERRCODE = '42501';
    END IF;
    RETURN owner;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.require_login(owner regrole) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    role_name name := (SELECT rolname FROM pg_roles WHERE oid = owner AND NOT rolcanlogin);
BEGIN
    IF role_name IS NOT NULL THEN
        RAISE EXCEPTION 'permission denied to start background process as role "%"', role_name
            USING ERRCODE = '28000', HINT = 'Hypertable owner must have LOGIN permission to run background tasks.';
    END IF;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.license() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('timescaledb.license', true), 'timescale')
$$;

-- For functions that the Apache edition does not have.
CREATE FUNCTION _timescaledb_stand_in.require_license(function_name text) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF _timescaledb_stand_in.license() = 'apache' THEN
        RAISE EXCEPTION 'function "%" is not supported under the current "apache" license', function_name
            USING ERRCODE = '0A000',
                HINT = 'Upgrade your license to ''timescale'' to use this free community feature.';
    END IF;
END
$$;

-- For statements and jobs that the Apache edition does not have.
CREATE FUNCTION _timescaledb_stand_in.require_licensed() RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF _timescaledb_stand_in.license() = 'apache' THEN
        RAISE EXCEPTION 'functionality not supported under the current "apache" license.'
            ' Learn more at https://tsdb.co/license.' USING ERRCODE = '0A000';
    END IF;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.require_writable(function_name text) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION 'cannot execute %() in a read-only transaction', function_name USING ERRCODE = '25006';
    END IF;
END
$$;

-- The hypertable, or for a continuous aggregate the one that holds its data; NULL where it is neither.
CREATE FUNCTION _timescaledb_stand_in.hypertable_of(relation regclass) RETURNS _timescaledb_stand_in.hypertable
LANGUAGE sql STABLE AS $$
    SELECT h
    FROM _timescaledb_stand_in.known_relation k JOIN _timescaledb_stand_in.hypertable h ON h.id = k.hypertable_id
    WHERE k.relation = $1
$$;

CREATE FUNCTION _timescaledb_stand_in.require_chunked(relation regclass) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (_timescaledb_stand_in.hypertable_of(relation)).id IS NULL THEN
        RAISE EXCEPTION '"%" is not a hypertable or a continuous aggregate', _timescaledb_stand_in.name_of(relation)
            USING ERRCODE = 'TS001',
                HINT = 'The operation is only possible on a hypertable or continuous aggregate.';
    END IF;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.is_aggregate(relation regclass) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT relkind = 'v' FROM pg_class WHERE oid = relation
$$;

CREATE FUNCTION _timescaledb_stand_in.table_of(hypertable_id integer) RETURNS regclass LANGUAGE sql STABLE AS $$
    SELECT to_regclass(format('%I.%I', schema_name, table_name)) FROM _timescaledb_stand_in.hypertable WHERE id = $1
$$;

CREATE FUNCTION _timescaledb_stand_in.kind_of(relation regclass) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN _timescaledb_stand_in.is_aggregate(relation) THEN 'continuous aggregate' ELSE 'hypertable' END
$$;

-- The dimension of time: the first by range.
CREATE FUNCTION _timescaledb_stand_in.time_dimension(hypertable_id integer) RETURNS _timescaledb_catalog.dimension
LANGUAGE sql STABLE AS $$
    SELECT d FROM _timescaledb_catalog.dimension d
    WHERE d.hypertable_id = $1 AND d.interval_length IS NOT NULL ORDER BY d.id LIMIT 1
$$;

CREATE FUNCTION _timescaledb_stand_in.is_integer(type regtype) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
$$;

-- Time as TimescaleDB keeps it: microseconds since 1970, numbers as they are; the ends of bigint for infinity.
CREATE FUNCTION _timescaledb_stand_in.internal(value timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN isfinite(value) THEN (extract(epoch FROM value) * 1000000)::bigint
        WHEN value = '-infinity' THEN -9223372036854775808
        WHEN value = 'infinity' THEN 9223372036854775807
    END
$$;
CREATE FUNCTION _timescaledb_stand_in.internal(value timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT _timescaledb_stand_in.internal(value AT TIME ZONE 'UTC')
$$;
CREATE FUNCTION _timescaledb_stand_in.internal(value date) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT _timescaledb_stand_in.internal(value::timestamp)
$$;
CREATE FUNCTION _timescaledb_stand_in.internal(value bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT value';
-- A version 7 uuid begins with the milliseconds since 1970.
CREATE FUNCTION _timescaledb_stand_in.internal(value uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || lpad(left(replace(value::text, '-', ''), 12), 16, '0'))::bit(64)::bigint * 1000
$$;
CREATE FUNCTION _timescaledb_stand_in.internal(value interval) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (extract(epoch FROM value - date_trunc('month', value)) * 1000000)::bigint
        + (extract(year FROM value) * 12 + extract(month FROM value))::bigint * 2592000000000
$$;

CREATE FUNCTION @functions@.to_timestamp(unixtime_us bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE unixtime_us
        WHEN -9223372036854775808 THEN '-infinity'
        WHEN 9223372036854775807 THEN 'infinity'
        ELSE '1970-01-01 00:00:00+00'::timestamptz + unixtime_us * interval '1 microsecond'
    END
$$;

CREATE FUNCTION @functions@.to_interval(unixtime_us bigint) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT justify_hours(unixtime_us * interval '1 microsecond')
$$;

CREATE FUNCTION @functions@.get_partition_hash(value anyelement) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT hashtext(value::text) & 2147483647
$$;

-- A moment as a literal of a column's type, for constraints.
CREATE FUNCTION _timescaledb_stand_in.literal(value bigint, type regtype) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN _timescaledb_stand_in.is_integer(type) THEN format('%L::%s', value, type)
        WHEN type = 'uuid'::regtype THEN format('%L::uuid', rpad(lpad(to_hex(value / 1000), 12, '0'), 32, '0'))
        WHEN type = 'timestamptz'::regtype THEN format('%L::timestamptz', @functions@.to_timestamp(value))
        ELSE format('%L::%s', @functions@.to_timestamp(value) AT TIME ZONE 'UTC', type)
    END
$$;

-- What an integer column's own clock says.
CREATE FUNCTION _timescaledb_stand_in.integer_now(dimension _timescaledb_catalog.dimension) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    result bigint;
BEGIN
    IF dimension.integer_now_func IS NOT NULL THEN
        EXECUTE format('SELECT %I.%I()', dimension.integer_now_func_schema, dimension.integer_now_func) INTO result;
    END IF;
    RETURN result;
END
$$;
