create index seen_address_by_mac on seen_address (mac, kind)
