-- The outbox: a message for one channel is a row before it is sent. `state`: waiting, sending (claimed
-- until a time), sent, failed, held (over the route's limit), summed (told in a summary), dropped.
-- `said` is the receipt or the last error; `left_to` is JSON: who is still to be told.
create table notice (
  id varchar(22) not null primary key,
  route varchar(40) not null,
  channel varchar(40) not null,
  kind varchar(16) not null,
  group_key varchar(160) not null,
  state varchar(16) not null,
  due_at bigint not null,
  claimed_by varchar(64),
  claimed_until bigint,
  tries int not null,
  created_at bigint not null,
  ended_at bigint,
  said varchar(600) not null,
  left_to text,
  body mediumtext not null
) {options}
