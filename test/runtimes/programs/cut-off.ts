/**
 * A process whose connections are cut in the middle. It says `half` and goes on appending, while the test cuts them. The
 * store is closed by `await using`.
 */
import { type Kind, openStore } from '../open-store.ts'

const [kind, url] = process.argv.slice(2)
const { store, end } = await openStore(kind as Kind, { url, timeout: 5_000 })
const handled: number[] = []
let following: Promise<void> | undefined
{
  await using closing = store
  const subscription = closing.subscribe({
    name: 'follower',
    pollInterval: 50,
    handle: ({ version }) => void handled.push(version),
  })
  following = subscription.done
  for (let version = 1; version <= 40; version++) {
    await closing.append('cut', [{ type: 'Counted', data: { version } }], { expectedVersion: version - 1 })
    if (version === 20) console.log('half')
    if (version >= 20) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await subscription.caughtUp()
}
await following
await end()
// A handler may get an event twice: its checkpoint was not stored when the connection was cut.
const firsts = handled.filter((version, index) => handled.indexOf(version) === index)
console.log(JSON.stringify({ report: { firsts }, doneAt: Date.now() }))
