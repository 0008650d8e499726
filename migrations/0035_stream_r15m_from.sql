-- As raw_from, for the 15-minute points.
alter table stream add column r15m_from bigint not null default 0
