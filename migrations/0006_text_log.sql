-- The texts of text series, a row only where the text changed; a poll says which row it means.
create table text_log (
  stream_id {id} not null,
  slot int not null,
  ts bigint not null,
  text mediumtext not null,
  primary key (stream_id, slot, ts)
) {options}
