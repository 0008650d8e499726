create index alarm_transition_by_device on alarm_transition (device_uid, at)
