-- The only permissions of its role that a token has, as a JSON list; null: all of them.
alter table token add column permissions varchar(1000)
