create index notice_by_time on notice (created_at)
