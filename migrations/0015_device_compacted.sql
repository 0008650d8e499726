-- Nothing of this device at this time or later is in a block: a poll that comes then is surely new.
alter table device add column compacted_until bigint not null default 0
