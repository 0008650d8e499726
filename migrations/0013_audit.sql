-- Every write by a person. Nothing updates or deletes a row.
create table audit (
  id {serial},
  at bigint not null,
  actor varchar(300) not null,
  action varchar(100) not null,
  thing varchar(300) not null,
  address varchar(100) not null,
  before_json mediumtext,
  after_json mediumtext
) {options}
