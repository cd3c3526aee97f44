-- $1 place $2 partition $3 token $4 the server that granted the lease
select case when :server = $4::text
  then :schema.release_lease($1::text, $2::text::int, $3::text::bigint)::text
end
