-- Questions as Grafana's PostgreSQL data source asks them; not recorded, but compared with its
-- source, public/app/plugins/datasource/grafana-postgresql-datasource/postgresMetaQuery.ts at
-- 12f912ab8d01 (2026-11-22).
-- A line `-- ask NAME: COLUMNS [rows N]` begins a question: its columns, and how many rows at least.

-- ask health: ? rows 1
SELECT 1

-- ask version: version rows 1
SELECT current_setting('server_version_num')::int/100 as version

-- ask timescale: extversion
SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'

-- ask schemas: name rows 4
SELECT schema_name AS "name" FROM information_schema.schemata
WHERE schema_name NOT IN ('information_schema', 'pg_catalog', 'pg_toast', '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_internal', '_timescaledb_config', 'timescaledb_information', 'timescaledb_experimental')
ORDER BY schema_name

-- ask tables_of_a_schema: table rows 4
SELECT quote_ident(table_name) AS "table" FROM information_schema.tables
WHERE quote_ident(table_schema) = 'operational' ORDER BY 1

-- ask tables: table rows 30
select
    case when
          quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          )
      then quote_ident(table_name)
      else quote_ident(table_schema) || '.' || quote_ident(table_name)
    end as "table"
    from information_schema.tables
    where quote_ident(table_schema) NOT IN ('information_schema',
                             'pg_catalog',
                             '_timescaledb_cache',
                             '_timescaledb_catalog',
                             '_timescaledb_internal',
                             '_timescaledb_config',
                             'timescaledb_information',
                             'timescaledb_experimental')
    ORDER BY CASE WHEN
          quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          ) THEN 0 ELSE 1 END, 1

-- ask columns_of_a_table: column,type rows 30
SELECT quote_ident(column_name) AS "column", data_type AS "type"
    FROM information_schema.columns
    WHERE
      CASE WHEN array_length(parse_ident('attempts'),1) = 2
        THEN quote_ident(table_schema) = (parse_ident('attempts'))[1]
          AND quote_ident(table_name) = (parse_ident('attempts'))[2]
        ELSE quote_ident(table_name) = 'attempts'
          AND
          quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          )
      END

-- ask columns_of_a_view: column,type rows 3
SELECT quote_ident(column_name) AS "column", data_type AS "type"
    FROM information_schema.columns
    WHERE
      CASE WHEN array_length(parse_ident('operational.calls_hourly'),1) = 2
        THEN quote_ident(table_schema) = (parse_ident('operational.calls_hourly'))[1]
          AND quote_ident(table_name) = (parse_ident('operational.calls_hourly'))[2]
        ELSE quote_ident(table_name) = 'operational.calls_hourly'
          AND
          quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          )
      END

-- ask time_series: time,value rows 1
SELECT floor(extract(epoch from recorded_at)/300)*300 AS "time", count(*) AS "value"
FROM events
WHERE recorded_at BETWEEN '2020-01-01T00:00:00Z' AND '2100-01-01T00:00:00Z'
GROUP BY 1
ORDER BY 1

-- ask time_filter_by_epoch: n rows 1
SELECT count(*) AS n FROM events
WHERE extract(epoch from recorded_at) >= 1577836800 AND extract(epoch from recorded_at) <= 4102444800

-- ask table_panel: recorded_at,type rows 1
SELECT recorded_at, "type" FROM events ORDER BY "recorded_at" DESC LIMIT 50
