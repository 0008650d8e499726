-- What each route made of each transition of an alarm, for "Why?": also why nobody was told.
create table notice_decision (
  transition_id bigint not null,
  route varchar(40) not null,
  alarm_id varchar(22) not null,
  at bigint not null,
  told int not null,
  said varchar(300) not null,
  primary key (transition_id, route)
) {options}
