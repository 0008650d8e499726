-- Who may do what only one process at a time does. `beat` grows while the holder lives, `epoch` with
-- each new holder. Clocks are not compared: who waits watches the beat by its own.
create table lease (
  name varchar(32) not null primary key,
  holder varchar(64) not null,
  epoch bigint not null,
  beat bigint not null
) {options}
