-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What the functions of the stand-in need: who calls, what he may do, and what time it is.

-- The functions run as the superuser, as TimescaleDB's code does; this is who called.
CREATE FUNCTION _timescaledb_stand_in.caller() RETURNS name LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('role'), 'none'), session_user)::name
$$;

-- Refuse whoever is neither the owner of a table nor that of the database.
CREATE FUNCTION _timescaledb_stand_in.require_owner(owner oid, told text) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_database WHERE datname = current_database() AND (
            pg_has_role(_timescaledb_stand_in.caller(), owner, 'USAGE')
            OR pg_has_role(_timescaledb_stand_in.caller(), datdba, 'USAGE')
        )
    ) THEN
        RAISE EXCEPTION '%', told USING ERRCODE = '42501';
    END IF;
END
$$;

-- For functions that the Apache edition does not have.
CREATE FUNCTION _timescaledb_stand_in.require_license(function_name text) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF current_setting('timescaledb.license') = 'apache' THEN
        RAISE EXCEPTION 'function "%" is not supported under the current "apache" license', function_name
            USING ERRCODE = '0A000';
    END IF;
END
$$;

-- The hypertable, or for a continuous aggregate the one that holds its data.
CREATE FUNCTION _timescaledb_stand_in.hypertable_of(table_or_view regclass) RETURNS _timescaledb_stand_in.hypertable
LANGUAGE plpgsql STABLE AS $$
DECLARE
    target _timescaledb_stand_in.hypertable;
BEGIN
    SELECT * INTO target FROM _timescaledb_stand_in.hypertable h WHERE h.id = coalesce(
        (SELECT t.id FROM _timescaledb_stand_in.hypertable t WHERE t.relation = table_or_view),
        (SELECT a.mat_hypertable_id FROM _timescaledb_stand_in.continuous_agg a WHERE a.view = table_or_view)
    );
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" is not a hypertable or a continuous aggregate', table_or_view USING ERRCODE = 'TS001';
    END IF;
    RETURN target;
END
$$;

-- The same for who is to change it.
CREATE FUNCTION _timescaledb_stand_in.own_hypertable(table_or_view regclass)
RETURNS _timescaledb_stand_in.hypertable LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM _timescaledb_stand_in.require_owner(relowner, format('must be owner of hypertable "%s"', relname))
    FROM pg_class WHERE oid = table_or_view;
    RETURN _timescaledb_stand_in.hypertable_of(table_or_view);
END
$$;

CREATE FUNCTION _timescaledb_stand_in.time_dimension(hypertable_id integer) RETURNS _timescaledb_catalog.dimension
LANGUAGE sql STABLE AS $$
    SELECT d FROM _timescaledb_catalog.dimension d WHERE d.hypertable_id = $1 AND d.num_slices IS NULL
$$;

CREATE FUNCTION _timescaledb_stand_in.is_integer(type regtype) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
$$;

-- Time as TimescaleDB keeps it: microseconds since 1970, numbers as they are.
CREATE FUNCTION _timescaledb_stand_in.internal(value timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (extract(epoch FROM value) * 1000000)::bigint
$$;
CREATE FUNCTION _timescaledb_stand_in.internal(value timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (extract(epoch FROM value) * 1000000)::bigint
$$;
CREATE FUNCTION _timescaledb_stand_in.internal(value date) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (extract(epoch FROM value) * 1000000)::bigint
$$;
CREATE FUNCTION _timescaledb_stand_in.internal(value bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT value';
-- A version 7 uuid begins with the milliseconds since 1970.
CREATE FUNCTION _timescaledb_stand_in.internal(value uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || lpad(left(replace(value::text, '-', ''), 12), 16, '0'))::bit(64)::bigint * 1000
$$;

-- The length of a chunk: an interval, or a number in a column's own count.
CREATE FUNCTION _timescaledb_stand_in.length_of(value anyelement) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF _timescaledb_stand_in.is_integer(pg_typeof(value)) THEN
        RETURN value;
    END IF;
    RETURN extract(epoch FROM value) * 1000000;
END
$$;

-- A moment as a column's own count of time: as it is told, or as far back as an interval reaches.
CREATE FUNCTION _timescaledb_stand_in.moment(value anyelement, column_type regtype) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF value IS NULL THEN
        RETURN NULL;
    ELSIF _timescaledb_stand_in.is_integer(pg_typeof(value)) <> _timescaledb_stand_in.is_integer(column_type) THEN
        RAISE EXCEPTION 'invalid time argument type "%"', pg_typeof(value) USING ERRCODE = '22023';
    ELSIF pg_typeof(value) = 'interval'::regtype THEN
        RETURN _timescaledb_stand_in.internal(now() - value);
    END IF;
    RETURN _timescaledb_stand_in.internal(value);
END
$$;
