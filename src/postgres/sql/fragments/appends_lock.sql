-- The keys of an advisory lock: appends hold it shared, a change of what is inline holds it exclusively. See lock_appends.
-- No other lock has them: the first key is the OID of the table of documents, which no schema shares.
':schema.documents'::regclass::int, 0
