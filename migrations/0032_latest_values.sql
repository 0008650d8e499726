create view latest_values as
select device.id as device, stream.group_name as group_name, series.metric as metric,
  series.row_key as row_key, {utc_of_ts} as at_utc, latest_value.value as value,
  latest_value.text as text, latest_value.gap as gap
from latest_value
join series on series.stream_id = latest_value.stream_id and series.slot = latest_value.slot
join stream on stream.id = latest_value.stream_id
join device on device.uid = stream.device_uid
where device.live_id is not null
