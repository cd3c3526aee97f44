-- By default every role may call a function. This must come last, when all functions exist.
-- The schema may hold functions of the user's, so this names the store's own.
revoke execute on function
:own_functions
from public;
