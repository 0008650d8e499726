-- Times in which alarms are kept back. `body` is the window as JSON; `ends_at` is the end of a single
-- one, null for one that comes again.
create table maintenance_window (
  id varchar(40) not null primary key,
  ends_at bigint,
  body mediumtext not null,
  created_by varchar(300) not null,
  created_at bigint not null
) {options}
