-- A window that was removed after it began stays, up to then: availability of the time before asks for it.
alter table maintenance_window add column removed_at bigint
