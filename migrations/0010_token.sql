-- API tokens, by the SHA-256 of the token.
create table token (
  name varchar(200) not null primary key,
  role varchar(16) not null,
  hash varchar(128) not null unique,
  prefix varchar(32) not null,
  created_at bigint not null,
  expires_at bigint not null,
  used_at bigint
) {options}
