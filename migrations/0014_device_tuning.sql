-- What was learned by reading a device (round trips, sizes, kindness): JSON, null until it is read.
alter table device add column tuning mediumtext
