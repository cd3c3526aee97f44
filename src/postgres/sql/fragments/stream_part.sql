-- Computes the range of versions that a read covers. The row `asked` has stream_id, first_version, last_version, as_of
-- (or null), most (the maximum number of events) and backward.
-- Versions have no gaps, so a number of events is a number of versions. The events recorded until a time are all events
-- up to one version, see version_as_of.
-- Without "offset 0" the planner would copy each expression to every place that uses it.
    select
      reach.stream_key,
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
        s.stream_key,
        s.version as stream_version,
        case
          when asked.as_of is null then least(asked.last_version, s.version)
          else :schema.version_as_of(s.stream_key, asked.as_of, least(asked.last_version, s.version))
        end as version
      from :schema.streams s
      where s.stream_id = asked.stream_id
      offset 0
    ) reach
    offset 0
