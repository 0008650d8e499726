create index event_by_row on event (device_uid, row_hash, at, hash)
