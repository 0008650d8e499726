-- Samples of this stream were kept for a shorter time once: none of before this time (Unix ms) are left.
alter table stream add column raw_from bigint not null default 0
