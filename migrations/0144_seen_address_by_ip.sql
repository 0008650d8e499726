create index seen_address_by_ip on seen_address (ip, kind)
