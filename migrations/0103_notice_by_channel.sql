create index notice_by_channel on notice (channel, route, state, ended_at)
