create view daily_values as
select device.id as device, stream.group_name as group_name, series.metric as metric,
  series.row_key as row_key, {date_of_day} as day_utc, daily_value.value_min as value_min,
  daily_value.value_max as value_max, daily_value.value_avg as value_avg,
  daily_value.value_count as value_count, daily_value.value_last as value_last
from daily_value
join series on series.stream_id = daily_value.stream_id and series.slot = daily_value.slot
join stream on stream.id = daily_value.stream_id
join device on device.uid = stream.device_uid
where device.live_id is not null
