-- Profiles that people wrote here: one row for each time one was saved. Without a body: it was deleted.
create table profile_version (
  id {serial},
  profile varchar(64) not null,
  version int not null,
  body mediumtext,
  saved_by varchar(300) not null,
  saved_at bigint not null,
  unique (profile, version)
) {options}
