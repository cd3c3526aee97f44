-- Functions are everybody's to call unless that is taken back. Comes last, when all of them are there.
revoke execute on all functions in schema :schema from public;
