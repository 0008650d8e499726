create table setting (
  name varchar(200) not null primary key,
  value mediumtext not null
) {options}
