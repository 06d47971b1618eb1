-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- How large things are. The bytes of a chunk contain those of its companion in the columnstore.

CREATE FUNCTION _timescaledb_stand_in.size_of(relation regclass) RETURNS TABLE (
    table_bytes bigint, index_bytes bigint, toast_bytes bigint, total_bytes bigint
) LANGUAGE sql STABLE AS $$
    SELECT t.total - t.indexes - t.toast, t.indexes, t.toast, t.total
    FROM pg_class c, LATERAL (
        SELECT pg_total_relation_size(c.oid) AS total, pg_indexes_size(c.oid) AS indexes,
            CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_total_relation_size(c.reltoastrelid) END AS toast
    ) t
    WHERE c.oid = relation
$$;

CREATE FUNCTION public.chunks_detailed_size(hypertable regclass) RETURNS TABLE (
    chunk_schema name, chunk_name name, table_bytes bigint, index_bytes bigint, toast_bytes bigint, total_bytes bigint,
    node_name name
) LANGUAGE sql STABLE AS $$
    SELECT c.schema_name, c.table_name,
        s.table_bytes + coalesce(p.table_bytes, 0), s.index_bytes + coalesce(p.index_bytes, 0),
        s.toast_bytes + coalesce(p.toast_bytes, 0), s.total_bytes + coalesce(p.total_bytes, 0), NULL::name
    FROM _timescaledb_stand_in.hypertable_of(hypertable) h
    JOIN _timescaledb_stand_in.chunk c ON c.hypertable_id = h.id AND NOT c.osm_chunk
    CROSS JOIN LATERAL _timescaledb_stand_in.size_of(format('%I.%I', c.schema_name, c.table_name)::regclass) s
    LEFT JOIN _timescaledb_stand_in.chunk k ON k.id = c.compressed_chunk_id
    LEFT JOIN LATERAL _timescaledb_stand_in.size_of(
        CASE WHEN k.id IS NOT NULL THEN format('%I.%I', k.schema_name, k.table_name)::regclass END
    ) p ON true
    ORDER BY c.id
$$;

CREATE FUNCTION public.hypertable_detailed_size(hypertable regclass) RETURNS TABLE (
    table_bytes bigint, index_bytes bigint, toast_bytes bigint, total_bytes bigint, node_name name
) LANGUAGE sql STABLE AS $$
    SELECT r.table_bytes + coalesce(sum(c.table_bytes), 0)::bigint,
        r.index_bytes + coalesce(sum(c.index_bytes), 0)::bigint,
        r.toast_bytes + coalesce(sum(c.toast_bytes), 0)::bigint,
        r.total_bytes + coalesce(sum(c.total_bytes), 0)::bigint, NULL::name
    FROM _timescaledb_stand_in.hypertable_of(hypertable) h
    CROSS JOIN LATERAL _timescaledb_stand_in.size_of(_timescaledb_stand_in.table_of(h.id)) r
    LEFT JOIN public.chunks_detailed_size(hypertable) c ON true
    WHERE h.id IS NOT NULL
    GROUP BY r.table_bytes, r.index_bytes, r.toast_bytes, r.total_bytes
$$;

CREATE FUNCTION public.hypertable_size(hypertable regclass) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT total_bytes FROM public.hypertable_detailed_size(hypertable)
$$;
