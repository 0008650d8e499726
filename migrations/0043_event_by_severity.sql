create index event_by_severity on event (severity, at, hash)
