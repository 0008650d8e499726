create index seen_address_by_gone on seen_address (gone_at)
