-- Which state a device was in from a time on, as judge saw it: a row when it changes, and one when a watch
-- begins and every few days within it, so that a reader need not look back far.
create table device_state (
  at bigint not null,
  device_uid {id} not null,
  state varchar(16) not null,
  primary key (at, device_uid)
) {options_clustered}
