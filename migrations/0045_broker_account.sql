-- Accounts on the MQTT broker for senders outside of this process. `password_sha256` is empty where
-- another broker keeps the password; `publish` and `subscribe` are JSON lists of topic filters.
create table broker_account (
  username varchar(128) not null primary key,
  role varchar(16) not null,
  publish text not null,
  subscribe text not null,
  salt varchar(64) not null,
  password_sha256 varchar(64) not null,
  created_at bigint not null
) {options}
