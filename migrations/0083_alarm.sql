-- One row for each alarm, from its raise to its clearing. `body` is the whole alarm as JSON; the other
-- columns are what is searched by. `is_open` is 0 once it is clear.
create table alarm (
  id varchar(22) not null primary key,
  device_uid {id} not null,
  rule_id varchar(200) not null,
  state varchar(16) not null,
  severity varchar(16) not null,
  is_open int not null,
  raised_at bigint not null,
  cleared_at bigint,
  steps int not null,
  body mediumtext not null
) {options}
