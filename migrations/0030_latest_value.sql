-- The latest value of every series as a plain row, for the view latest_values; a little behind.
create table latest_value (
  stream_id {id} not null,
  slot int not null,
  ts bigint not null,
  value double,
  text mediumtext,
  gap varchar(20),
  primary key (stream_id, slot)
) {options_clustered}
