create index watch_by_end on watch (until_at)
