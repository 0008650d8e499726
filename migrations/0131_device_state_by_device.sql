create index device_state_by_device on device_state (device_uid, at)
