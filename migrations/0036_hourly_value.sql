-- As daily_value for hours (UTC, counted from 1970-01-01), for the view hourly_values: only where the
-- setting hourly_values.days says so.
create table hourly_value (
  hour int not null,
  stream_id {id} not null,
  slot int not null,
  value_min double not null,
  value_max double not null,
  value_avg double not null,
  value_count int not null,
  value_last double not null,
  primary key (hour, stream_id, slot)
) {options_clustered} {partitioned_by_hour}
