-- Links that devices know of. `hash` is of both ends. A link that a whole read did not have is missing
-- since `missing_at`, and gone (1) when another one a while later has it neither.
create table neighbour (
  device_uid {id} not null,
  group_name varchar(100) not null,
  hash varchar(22) not null,
  port_index varchar(20) not null,
  port varchar(255) not null,
  chassis varchar(255) not null,
  remote_port varchar(255) not null,
  remote_name varchar(255) not null,
  address varchar(45) not null,
  descr varchar(255) not null,
  first_at bigint not null,
  missing_at bigint,
  gone int not null,
  primary key (device_uid, group_name, hash)
) {options_clustered}
