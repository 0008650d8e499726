-- The last time step whose code was used: each code signs in once.
alter table account add column totp_step bigint
