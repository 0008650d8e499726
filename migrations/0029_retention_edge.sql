-- Before this time nothing is kept any more in the tables of a class: what comes from before is refused.
create table retention_edge (
  class varchar(8) not null,
  tier varchar(4) not null,
  before_at bigint not null,
  primary key (class, tier)
) {options_clustered}
