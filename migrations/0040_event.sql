-- What happened to devices. `hash` is of the content, so that an event that comes twice is one row; its
-- beginning in time makes the newest ones one piece of the table. `row_hash`: of group and row, '' for
-- none (a row's key is too long for an index). `fields` is JSON.
create table event (
  at bigint not null,
  hash varchar(22) not null,
  device_uid {id} not null,
  kind varchar(16) not null,
  severity varchar(16) not null,
  name varchar(64) not null,
  text varchar(1024) not null,
  group_name varchar(100) not null,
  row_key varchar(512) not null,
  row_hash varchar(22) not null,
  fields mediumtext,
  primary key (at, hash)
) {options_clustered}
