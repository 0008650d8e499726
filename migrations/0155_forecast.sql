-- What was last forecast of each series that can run out, with the report card of its model. Rows of a
-- device are replaced together; `place` is their order. Null in `reach_at`: it reaches no limit.
create table forecast (
  device_uid {id} not null,
  place int not null,
  kind varchar(16) not null,
  group_name varchar(64) not null,
  metric varchar(64) not null,
  title varchar(100) not null,
  row_key varchar(600),
  row_name varchar(600),
  state varchar(16) not null,
  why varchar(16),
  value double,
  limit_value double not null,
  slope double,
  soonest_at bigint,
  reach_at bigint,
  latest_at bigint,
  model varchar(16),
  mase double,
  naive double,
  coverage double,
  hours int,
  made_at bigint not null,
  primary key (device_uid, place)
) {options_clustered}
