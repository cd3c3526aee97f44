-- Fails with 25P01 outside of a transaction block. Every read and append takes this lock too, and no other command says
-- in one round trip, and without a trace, whether the session is in a transaction.
lock table :schema.streams in access share mode
