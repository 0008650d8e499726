create view hourly_values as
select device.id as device, stream.group_name as group_name, series.metric as metric,
  series.row_key as row_key, {utc_of_hour} as hour_utc, hourly_value.value_min as value_min,
  hourly_value.value_max as value_max, hourly_value.value_avg as value_avg,
  hourly_value.value_count as value_count, hourly_value.value_last as value_last
from hourly_value
join series on series.stream_id = hourly_value.stream_id and series.slot = hourly_value.slot
join stream on stream.id = hourly_value.stream_id
join device on device.uid = stream.device_uid
where device.live_id is not null
