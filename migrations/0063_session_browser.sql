-- What the browser said that it is.
alter table session add column browser varchar(200)
