-- Addresses that devices have seen (kind forwarding, arp) or have (own). `hash` is of the address and
-- its port, so that a move leaves a trace. Null in `gone_at`: the last read had it.
create table seen_address (
  device_uid {id} not null,
  group_name varchar(100) not null,
  hash varchar(22) not null,
  kind varchar(16) not null,
  mac varchar(17) not null,
  ip varchar(45) not null,
  port_index varchar(20) not null,
  port varchar(255) not null,
  vlan varchar(20) not null,
  first_at bigint not null,
  gone_at bigint,
  primary key (device_uid, group_name, hash)
) {options_clustered}
