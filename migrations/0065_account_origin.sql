-- The OpenID Connect issuer that the person signs in by; null: by a password here.
alter table account add column origin varchar(300)
