-- One-time codes for who lost the second step's device, by SHA-256 of account and code.
create table recovery_code (
  account_id {id} not null,
  hash varchar(64) not null,
  primary key (account_id, hash),
  foreign key (account_id) references account (id) on delete cascade
) {options}
