-- 1-hour points of a stream over a week, counted from Thursday 1970-01-01: as r15m.
-- `data` as in server/store/block.ts, `fmt` its format; 0: a part of it was lost. `n`: times in it.
-- On MySQL the partitions (one a year) are made and dropped by server/store/partitions.ts.
create table r1h_long (
  stream_id {id} not null,
  t0 bigint not null,
  t1 bigint not null,
  n int not null,
  fmt int not null,
  data mediumblob not null,
  primary key (stream_id, t0)
) {options} {partitioned_by_time}
