-- How long the samples of a stream are kept: 'short', 'default' or 'long', each with tables of its own.
alter table stream add column retention varchar(8) not null default 'default'
