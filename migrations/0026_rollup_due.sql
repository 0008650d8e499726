-- Roll-ups that do not say yet what the samples say: they are made, or made again, from `ready_at`
-- on, and until then a reader takes the finer table. `tier` is 'r15m' (a day) or 'r1h' (a week).
create table rollup_due (
  stream_id {id} not null,
  tier varchar(4) not null,
  t0 bigint not null,
  ready_at bigint not null,
  primary key (stream_id, tier, t0)
) {options_clustered}
