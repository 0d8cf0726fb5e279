-- Plugins: what credentials that are out rely on.
--
-- What a revision describes is kept from the moment on that it answers, be it for a share of the offers only. So what
-- comes after it can be compared with it when it was deactivated, quarantined, or rolled back.

-- json, not jsonb: read as a whole, never searched. Absent where it never answered, and where it last did before this.
alter table activations add column definition json;
alter table default_activations add column definition json;
grant update (definition) on activations to chancery_tenant;
grant update (definition) on default_activations to chancery_platform;
