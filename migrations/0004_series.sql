-- Slots in order of first sight, never reused. That a series is there once is seen to by the lock
-- on its device: a row key is too long, and too exact about blanks, for an index.
create table series (
  stream_id {id} not null,
  slot int not null,
  metric varchar(64) not null,
  row_key varchar(600),
  first_at bigint not null,
  primary key (stream_id, slot),
  foreign key (stream_id) references stream (id)
) {options_clustered}
