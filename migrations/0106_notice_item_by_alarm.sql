create index notice_item_by_alarm on notice_item (alarm_id)
