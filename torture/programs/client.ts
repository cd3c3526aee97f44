/** A client of a campaign: a process that writes, or follows the log, or both, until it is told to end or is killed. */
import { activityOf } from '../activity.ts'
import { breakageNamed } from '../breakages.ts'
import { openStore } from '../open-store.ts'
import { randomOf } from '../random.ts'
import type { ClientOrder, ClientTask, ClientWord } from '../task.ts'
import { within } from '../within.ts'
import { Follower } from './follower.ts'
import { slowAppend } from './slow-append.ts'
import { Writer } from './writer.ts'

const task = JSON.parse(process.argv[2] ?? '') as ClientTask
const { address, client, life, seed, slowness } = task
const random = randomOf(seed, client, life, 'faults')
// Who retries without ids does so itself.
const retries = task.breakage === 'retry-without-ids' ? 0 : undefined
const {
  store: whole,
  postgres,
  faults,
} = await openStore(address, retries, task.requestFaults ? random : undefined)
const broken = breakageNamed(task.breakage)
const store = broken.store?.(whole) ?? whole
const slow =
  postgres && address.kind === 'postgres' && slowness > 0
    ? slowAppend(address.url, postgres, slowness, random)
    : undefined

const writer = task.writers > 0 ? new Writer(task, store, slow) : undefined
const follower = task.follows ? new Follower(task, store) : undefined

const tell = (word: ClientWord) => process.send?.(word)
const reporting = setInterval(() => {
  tell({
    kind: 'progress',
    appended: writer?.appended ?? 0,
    followed: follower?.followed ?? 0,
    faults: faults(),
  })
}, 250)

process.on('message', (order: ClientOrder) => void obey(order))
// Whose campaign is gone need not go on.
process.on('disconnect', () => process.exit())

follower?.start(broken.handler ?? ((handle) => handle))
const writing = writer?.run() ?? Promise.resolve()
// A fault that a writer does not expect ends the process, with its words, and with it the campaign.
writing.catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})

async function obey(order: ClientOrder): Promise<void> {
  if (order.kind === 'end writing') {
    writer?.end()
    const left = async () => `${writer?.underWay.join(', ')}${await activityOf(address)}`
    await within(task.patience, left, writing)
    tell({ kind: 'written' })
    return
  }
  await follower?.end()
  clearInterval(reporting)
  await within(task.patience, 'closing the store', store.close())
  process.send?.({ kind: 'ended' } satisfies ClientWord, () => process.exit())
}
