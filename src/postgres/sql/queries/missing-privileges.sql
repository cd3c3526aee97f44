-- $1 functions $2 tables and views
select current_user::text as role, (
:missing_privileges
)::text as missing
