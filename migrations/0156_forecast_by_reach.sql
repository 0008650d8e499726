create index forecast_by_reach on forecast (state, reach_at, device_uid, place)
