-- What the store checks before it creates its tables. start-up has the same columns.
select
:session_facts
