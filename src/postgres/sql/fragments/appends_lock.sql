-- The keys of an advisory lock. Appends hold it shared; a transaction that changes which projections are inline holds it
-- exclusively. See lock_appends. The first key is the OID of this schema's table of documents, so that no other lock of
-- the library has these keys.
':schema.documents'::regclass::int, 0
