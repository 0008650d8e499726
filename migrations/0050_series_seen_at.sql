-- Up to when the samples of a series are rolled up that had a value; before the first roll-up its first
-- sight. 0: from before this column, maintenance sets it.
alter table series add column seen_at bigint not null default 0
