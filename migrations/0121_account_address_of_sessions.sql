-- Those who are signed in when this is first run.
insert into account_address (account_id, address, first_at, last_at)
select account_id, address, min(created_at), max(touched_at) from session group by account_id, address
