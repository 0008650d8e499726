-- Channels and routes by which people are told of alarms. `sort` is 'channel' or 'route'; `body` is the
-- document as JSON, without its secrets.
create table notify_document (
  sort varchar(8) not null,
  id varchar(40) not null,
  version int not null,
  body mediumtext not null,
  updated_by varchar(300) not null,
  updated_at bigint not null,
  primary key (sort, id)
) {options}
