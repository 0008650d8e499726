-- One row per poll of a stream; `data` as in server/store/codec.ts. No foreign key: a later
-- migration may partition this table by time, and partitions cannot have one.
create table poll (
  stream_id {id} not null,
  ts bigint not null,
  data varbinary(16000) not null,
  primary key (stream_id, ts)
) {options_clustered}
