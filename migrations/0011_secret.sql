-- Ciphertext only; server/secrets.ts seals and opens.
create table secret (
  name varchar(200) not null primary key,
  sealed mediumtext not null,
  updated_at bigint not null
) {options}
