-- The key of two-step sign-in (RFC 6238), sealed; null: off.
alter table account add column totp_secret varchar(500)
