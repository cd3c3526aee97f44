-- $1 subscription
select c.partition, c.position::text, case when :owner_lives then c.owner end as owner
from :schema.subscriptions s
join :schema.checkpoints c on c.place = s.place
where s.name = $1::text
order by c.partition
