-- From where each person signed in before: the newest twenty addresses. Who comes from another waits longer.
create table account_address (
  account_id {id} not null,
  address varchar(100) not null,
  first_at bigint not null,
  last_at bigint not null,
  primary key (account_id, address),
  foreign key (account_id) references account (id) on delete cascade
) {options}
