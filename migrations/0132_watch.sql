-- From when to when judge could hear devices. Outside of these times nothing is known of any of them.
create table watch (
  id varchar(40) not null primary key,
  from_at bigint not null,
  until_at bigint not null
) {options}
