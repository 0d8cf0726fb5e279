-- How often a wallet had a credential again with the token that it has: one place for each item, as the other columns of
-- items (docs/decisions/0010-hot-tables.md); null as long as none was.
alter table offers add column repeats smallint[];
grant update (repeats) on offers to chancery_tenant;

-- What may be issued again is kept as long as the token lives, and no longer than an offer would have been anyway.
grant update (expires_at) on offer_subjects to chancery_tenant;
