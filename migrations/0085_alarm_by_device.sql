create index alarm_by_device on alarm (device_uid, raised_at)
