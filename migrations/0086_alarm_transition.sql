-- Each change of an alarm, numbered in the order of commits: who tells people of them reads on from the
-- last number that it has seen. `body` is the alarm after it, as JSON. What is written twice, by a retry
-- or by two judges, is one row.
create table alarm_transition (
  id {serial},
  alarm_id varchar(22) not null,
  step int not null,
  device_uid {id} not null,
  at bigint not null,
  from_state varchar(16) not null,
  to_state varchar(16) not null,
  severity_before varchar(16) not null,
  reason varchar(16) not null,
  body mediumtext not null,
  unique (alarm_id, at, reason)
) {options}
