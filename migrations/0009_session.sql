-- Signed-in browsers, by the SHA-256 of the cookie's token.
create table session (
  hash varchar(128) not null primary key,
  account_id {id} not null,
  csrf varchar(200) not null,
  address varchar(100) not null,
  created_at bigint not null,
  touched_at bigint not null,
  foreign key (account_id) references account (id) on delete cascade
) {options}
