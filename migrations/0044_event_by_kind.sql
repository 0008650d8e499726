create index event_by_kind on event (kind, at, hash)
