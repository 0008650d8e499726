-- What was told of which alarm: `dedup` names the occasion (a transition, an escalation, the n-th
-- reminder) with route and channel, so that none is told twice. `notice_id` '': it was withdrawn.
create table notice_item (
  dedup varchar(200) not null primary key,
  alarm_id varchar(22) not null,
  notice_id varchar(22) not null
) {options}
