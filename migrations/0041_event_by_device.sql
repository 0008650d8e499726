create index event_by_device on event (device_uid, at, hash)
