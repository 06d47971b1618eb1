-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The columnstore. It is a flag and a companion table with bytes: the rows stay where they are, uncompressed.

-- In the place of ALTER TABLE ... SET (timescaledb.compress), which PostgreSQL's grammar takes for TimescaleDB only.
CREATE FUNCTION _timescaledb_stand_in.enable_columnstore(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    number integer := (_timescaledb_stand_in.own_hypertable(relation)).id;
    companion text := format('_timescaledb_internal._compressed_hypertable_%s', number);
BEGIN
    EXECUTE format('CREATE TABLE %s ()', companion);
    INSERT INTO _timescaledb_stand_in.hypertable (relation, compression_state, columnstore_of)
    VALUES (companion::regclass, 2, number);
    UPDATE _timescaledb_stand_in.hypertable SET compression_state = 1 WHERE id = number;
END
$$;

CREATE FUNCTION public.compress_chunk(uncompressed_chunk regclass) RETURNS regclass
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    chunk _timescaledb_stand_in.chunk;
    companion text;
BEGIN
    SELECT * INTO chunk FROM _timescaledb_stand_in.chunk k WHERE k.relation = uncompressed_chunk;
    companion := format('_timescaledb_internal.compress_hyper_%s_chunk', chunk.id);
    -- Bytes for the sizes: one row for a hundred, as large as a digest.
    EXECUTE format(
        'CREATE TABLE %s AS SELECT sha256(convert_to(min(t::text), ''UTF8'')) AS bytes'
        ' FROM (SELECT t, row_number() OVER () / 100 AS batch FROM %s t) t GROUP BY batch',
        companion, uncompressed_chunk
    );
    WITH made AS (
        INSERT INTO _timescaledb_stand_in.chunk (hypertable_id, relation)
        SELECT h.id, companion::regclass FROM _timescaledb_stand_in.hypertable h
        WHERE h.columnstore_of = chunk.hypertable_id RETURNING id
    )
    UPDATE _timescaledb_stand_in.chunk k SET compressed_chunk_id = made.id FROM made WHERE k.id = chunk.id;
    RETURN uncompressed_chunk;
END
$$;

-- The bytes of a chunk contain those of its companion.
CREATE FUNCTION public.chunks_detailed_size(hypertable regclass)
RETURNS TABLE (chunk_schema name, chunk_name name, total_bytes bigint) LANGUAGE sql STABLE AS $$
    SELECT n.schema_name, n.table_name,
        pg_total_relation_size(k.relation::regclass) + coalesce(pg_total_relation_size(z.relation::regclass), 0)
    FROM _timescaledb_stand_in.chunk k
    JOIN _timescaledb_catalog.chunk n ON n.id = k.id
    LEFT JOIN _timescaledb_stand_in.chunk z ON z.id = k.compressed_chunk_id
    WHERE k.hypertable_id = (_timescaledb_stand_in.hypertable_of($1)).id
$$;
