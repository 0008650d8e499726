create index notice_by_due on notice (state, due_at)
