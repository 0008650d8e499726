-- What the samples of a day (UTC, counted from 1970-01-01) were, for the view daily_values.
create table daily_value (
  day int not null,
  stream_id {id} not null,
  slot int not null,
  value_min double not null,
  value_max double not null,
  value_avg double not null,
  value_count int not null,
  value_last double not null,
  primary key (day, stream_id, slot)
) {options_clustered} {partitioned_by_day}
