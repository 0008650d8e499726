create index stream_by_device on stream (device_uid, group_name)
