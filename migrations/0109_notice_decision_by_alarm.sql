create index notice_decision_by_alarm on notice_decision (alarm_id)
