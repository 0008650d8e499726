-- The language of the pages that the user chose; null: as the browser asks for.
alter table account add column language varchar(8)
