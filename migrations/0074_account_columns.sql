-- The columns of the list of devices that the user chose; null: the usual ones.
alter table account add column device_columns varchar(200)
