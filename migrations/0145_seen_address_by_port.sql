create index seen_address_by_port on seen_address (device_uid, port_index, kind)
