-- Samples of a stream over a window, from `t0` up to but not including `t1`: up to a day, aligned.
-- `data` as in server/store/block.ts, `fmt` its format; 0: a part of it was lost. `n`: times in it.
-- On MySQL the partitions (one a day) are made and dropped by server/store/partitions.ts.
create table block_long (
  stream_id {id} not null,
  t0 bigint not null,
  t1 bigint not null,
  n int not null,
  fmt int not null,
  data mediumblob not null,
  primary key (stream_id, t0)
) {options} {partitioned_by_time}
