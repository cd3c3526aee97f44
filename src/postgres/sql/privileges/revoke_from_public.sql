-- By default every role may call a function. This must come last, when all functions exist.
revoke execute on all functions in schema :schema from public;
