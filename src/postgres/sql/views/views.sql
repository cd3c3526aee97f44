-- The documents that readers see: the current generation of each projection, and the documents that handlers write.
create or replace view :schema.views as
select d.projection, d.key, d.state, d.revision, d.position
from :schema.documents d
left join :schema.projections p on p.name = d.projection
where d.generation = coalesce(p.generation, 0) and d.state is not null;
