-- The series of one group of one device that are stored together, about 100 of them.
create table stream (
  id {serial},
  device_uid {id} not null,
  group_name varchar(64) not null,
  foreign key (device_uid) references device (uid)
) {options}
