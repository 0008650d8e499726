-- Lists as people want to find them again: the filters, order and columns of an address, by name.
create table saved_view (
  account_id {id} not null,
  name varchar(60) not null,
  query varchar(1000) not null,
  is_default smallint not null,
  primary key (account_id, name),
  foreign key (account_id) references account (id) on delete cascade
) {options}
