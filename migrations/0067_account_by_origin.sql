create unique index account_by_origin on account (origin_key)
