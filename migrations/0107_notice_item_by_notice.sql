create index notice_item_by_notice on notice_item (notice_id)
