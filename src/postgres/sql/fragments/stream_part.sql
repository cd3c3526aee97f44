-- Computes the range of versions that a read covers. The row `asked` has stream_id, first_version, last_version, as_of
-- (or null), most (the maximum number of events) and backward.
-- Versions have no gaps, so a number of events is a number of versions. Times never decrease in a stream, so the events
-- recorded until a time are all events up to one version.
-- Without "offset 0" the planner would copy each expression to every place that uses it.
    select
      reach.stream_version,
      case
        when asked.backward then greatest(asked.first_version, reach.version - asked.most + 1)
        else asked.first_version
      end as lower_version,
      case
        when asked.backward then reach.version
        else least(reach.version, asked.first_version + asked.most - 1)
      end as upper_version
    from (
      select
        s.version as stream_version,
        least(asked.last_version, case
          when asked.as_of is null then s.version
          else coalesce((
            select e.version from :schema.events e
            where e.stream_id = asked.stream_id
              and e.version <= asked.last_version
              and e.recorded_at <= asked.as_of
            order by e.version desc
            limit 1
          ), 0)
        end) as version
      from :schema.streams s
      where s.stream_id = asked.stream_id
      offset 0
    ) reach
    offset 0
