-- What check-server.ts judges. Other servers that speak the protocol of Postgres lack some settings.
  version() as version,
  current_setting('server_version_num', true) as version_number,
  current_setting('server_encoding', true) as server_encoding,
  current_setting('client_encoding', true) as client_encoding,
  current_setting('array_nulls', true) as array_nulls
