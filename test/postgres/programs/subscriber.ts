/**
 * Runs a subscription until it is killed or gets a message. It records each handled event in a table of the test, in
 * the transaction of the checkpoint, so that the table must have each event exactly once.
 */
import { postgresStore } from '@eventsourced/core/postgres'

const [url = '', name = '', partitions = '1', leaseTime = '1000', pause = '0'] = process.argv.slice(2)
const store = postgresStore(url, { retries: 99 })
const subscription = store.subscribe({
  name,
  partitions: Number(partitions),
  leaseTime: Number(leaseTime),
  batchSize: 200,
  transactional: true,
  async handleBatch(events, { tx }) {
    await tx.query(
      `insert into handled (position, stream_id, version, worker)
      select * from unnest($1::bigint[], $2::text[], $3::bigint[], array_fill($4::text, array[$5::int]))`,
      [
        events.map(({ position }) => position),
        events.map(({ streamId }) => streamId),
        events.map(({ version }) => version),
        String(process.pid),
        events.length,
      ],
    )
    process.send?.({ handled: events.length })
    if (Number(pause) > 0) await new Promise((resolve) => setTimeout(resolve, Number(pause)))
  },
  onStateChange: (state, { error }) => void process.send?.({ state, error: error && String(error) }),
})

process.once('message', async () => {
  await subscription.stop()
  await store.close()
  process.disconnect()
})
process.send?.('ready')
