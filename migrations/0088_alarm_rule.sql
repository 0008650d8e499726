-- Rules that people made; those of profiles and devices are not stored here. `body` is the rule as JSON.
create table alarm_rule (
  id varchar(40) not null primary key,
  version int not null,
  body mediumtext not null,
  updated_by varchar(300) not null,
  updated_at bigint not null
) {options}
