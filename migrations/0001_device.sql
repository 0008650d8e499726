-- What an admin added. `live_id` is the id while the device lives and null afterwards: living
-- devices have different ids, and a deleted one frees its id without losing its history.
-- `purging` is 1 while the history of a deleted device is being removed.
create table device (
  uid {serial},
  id varchar(63) not null,
  live_id varchar(63) unique,
  config mediumtext not null,
  version int not null,
  source varchar(16) not null,
  identity mediumtext,
  created_at bigint not null,
  updated_at bigint not null,
  deleted_at bigint,
  purging int not null
) {options}
