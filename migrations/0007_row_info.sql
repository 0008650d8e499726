-- Names and labels of rows. `row_hash` is the key's SHA-256: exact, and short enough for an index.
create table row_info (
  device_uid {id} not null,
  group_name varchar(64) not null,
  row_hash char(64) not null,
  row_key varchar(600) not null,
  row_index varchar(600) not null,
  name varchar(600) not null,
  subtitle varchar(600),
  labels mediumtext not null,
  seen_at bigint not null,
  primary key (device_uid, group_name, row_hash),
  foreign key (device_uid) references device (uid)
) {options}
