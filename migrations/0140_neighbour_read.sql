-- When neighbours or addresses of a device were last read wholly, by group: what a row that is there now
-- was seen at, and what tells a late message from a new one.
create table neighbour_read (
  device_uid {id} not null,
  group_name varchar(100) not null,
  at bigint not null,
  primary key (device_uid, group_name)
) {options_clustered}
