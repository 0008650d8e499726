-- One-time tokens with which a host's agent enrols, by the SHA-256 of the token. `device_id` is set
-- where the token is for a device that is there already; `used_by` is the device that it became.
create table agent_token (
  hash varchar(64) not null primary key,
  prefix varchar(32) not null,
  note varchar(100) not null,
  device_id varchar(64),
  created_by varchar(200) not null,
  created_at bigint not null,
  expires_at bigint not null,
  used_at bigint,
  used_by varchar(64)
) {options}
