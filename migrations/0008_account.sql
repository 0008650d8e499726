-- People. `name_key` is the name without regard to case.
create table account (
  id {serial},
  name varchar(200) not null,
  name_key varchar(200) not null unique,
  role varchar(16) not null,
  password_hash varchar(500) not null,
  disabled int not null,
  created_at bigint not null,
  last_sign_in_at bigint
) {options}
