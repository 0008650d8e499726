-- Blocks that could not be read, as they were: set aside for a look, read by nothing.
create table block_damaged (
  table_name varchar(20) not null,
  stream_id {id} not null,
  t0 bigint not null,
  found_at bigint not null,
  data mediumblob not null,
  primary key (table_name, stream_id, t0, found_at)
) {options}
