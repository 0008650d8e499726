create index alarm_by_open on alarm (is_open, raised_at)
