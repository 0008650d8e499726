-- Enrolled agents, one for each device. `src` is under what they number their messages.
create table agent (
  device_uid {id} not null primary key,
  device_id varchar(64) not null,
  username varchar(128) not null,
  src varchar(64) not null,
  version varchar(32) not null,
  address varchar(64) not null,
  enrolled_at bigint not null,
  revoked_at bigint
) {options}
