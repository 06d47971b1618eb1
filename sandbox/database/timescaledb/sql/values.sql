-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Arguments of any type. TimescaleDB's functions take them as "any", which only functions in C may; here they have a
-- type of their own, text that begins with the name of the type it came from. A literal without a type has no name.

CREATE TYPE _timescaledb_stand_in.value;
CREATE FUNCTION _timescaledb_stand_in.value_in(cstring) RETURNS _timescaledb_stand_in.value
LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION _timescaledb_stand_in.value_out(_timescaledb_stand_in.value) RETURNS cstring
LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE _timescaledb_stand_in.value (
    INPUT = _timescaledb_stand_in.value_in, OUTPUT = _timescaledb_stand_in.value_out, LIKE = text
);
CREATE CAST (_timescaledb_stand_in.value AS text) WITHOUT FUNCTION;
CREATE CAST (text AS _timescaledb_stand_in.value) WITHOUT FUNCTION;

DO $$
DECLARE
    type text;
BEGIN
    FOREACH type IN ARRAY ARRAY[
        'interval', 'timestamptz', 'timestamp', 'date', 'bigint', 'integer', 'smallint', 'numeric', 'boolean', 'uuid'
    ] LOOP
        EXECUTE format(
            'CREATE FUNCTION _timescaledb_stand_in.as_value(%1$s) RETURNS _timescaledb_stand_in.value'
            ' LANGUAGE sql STABLE STRICT AS '
            '''SELECT (chr(1) || pg_typeof($1) || chr(1) || $1::text)::_timescaledb_stand_in.value''', type
        );
        EXECUTE format('CREATE CAST (%1$s AS _timescaledb_stand_in.value)'
                       ' WITH FUNCTION _timescaledb_stand_in.as_value(%1$s) AS IMPLICIT', type);
    END LOOP;
END
$$;

-- NULL for a literal without a type, and for NULL.
CREATE FUNCTION _timescaledb_stand_in.type_of(value _timescaledb_stand_in.value) RETURNS regtype
LANGUAGE sql STABLE AS $$
    SELECT nullif(split_part(value::text, chr(1), 2), '')::regtype
$$;

CREATE FUNCTION _timescaledb_stand_in.text_of(value _timescaledb_stand_in.value) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value::text LIKE chr(1) || '%' THEN split_part(value::text, chr(1), 3) ELSE value::text END
$$;

-- As a job's config has it: a number, or an interval in the session's style.
CREATE FUNCTION _timescaledb_stand_in.json_of(value _timescaledb_stand_in.value) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN value IS NULL THEN 'null'::jsonb
        WHEN _timescaledb_stand_in.is_integer(_timescaledb_stand_in.type_of(value))
            THEN to_jsonb(_timescaledb_stand_in.text_of(value)::bigint)
        ELSE to_jsonb(_timescaledb_stand_in.text_of(value))
    END
$$;
