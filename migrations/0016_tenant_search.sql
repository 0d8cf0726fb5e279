-- What people search for, folded once and not at every search: comparing without regard to case folds both sides
-- for every tenant that it looks at. No index helps to find a part of a word without an extension, so a search
-- that finds little reads the whole directory.
alter table tenants add column search text generated always as (lower(slug || E'\n' || name)) stored;
