-- SHA-256 of issuer and subject.
alter table account add column origin_key varchar(64)
