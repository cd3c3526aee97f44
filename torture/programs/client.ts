/** A client of a campaign: a process that writes, or follows the log, or both, until it gets an order to end or is killed. */
import { activityOf } from '../activity.ts'
import { breakageNamed } from '../breakages.ts'
import { openStore } from '../open-store.ts'
import { randomOf } from '../random.ts'
import type { ClientMessage, ClientOrder, ClientTask } from '../task.ts'
import { within } from '../within.ts'
import { Follower } from './follower.ts'
import { slowAppend } from './slow-append.ts'
import { Writer } from './writer.ts'

const task = JSON.parse(process.argv[2] ?? '') as ClientTask
const { address, client, life, seed, slowness } = task
const random = randomOf(seed, client, life, 'faults')
// The broken store retries by itself, without ids.
const retries = task.breakage === 'retry-without-ids' ? 0 : undefined
const {
  store: opened,
  former: formerOpened,
  postgres,
  faults,
} = await openStore(address, retries, task.requestFaults ? random : undefined)
const broken = breakageNamed(task.breakage)
const store = broken.store?.(opened) ?? opened
const former = formerOpened && (broken.store?.(formerOpened) ?? formerOpened)
const slow =
  postgres && address.kind === 'postgres' && slowness > 0
    ? slowAppend(address.url, postgres, slowness, random)
    : undefined

const writer = task.writers > 0 ? new Writer(task, store, former, slow) : undefined
const follower = task.follows ? new Follower(task, store) : undefined

const send = (message: ClientMessage) => process.send?.(message)
const reporting = setInterval(() => {
  send({
    kind: 'progress',
    appended: writer?.appended ?? 0,
    followed: follower?.followed ?? 0,
    snapshots: writer?.snapshots ?? 0,
    faults: faults(),
  })
}, 250)

process.on('message', (order: ClientOrder) => void carryOut(order))
// Without its campaign, the client must not continue.
process.on('disconnect', () => process.exit())

follower?.start(broken.handler ?? ((handle) => handle))
const writing = writer?.run() ?? Promise.resolve()
// An error that a writer does not expect ends this process, and so the campaign.
writing.catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})

async function carryOut(order: ClientOrder): Promise<void> {
  if (order.kind === 'end writing') {
    writer?.end()
    const left = async () => `${writer?.underWay.join(', ')}${await activityOf(address)}`
    await within(task.patience, left, writing)
    send({ kind: 'written' })
    return
  }
  await follower?.end()
  clearInterval(reporting)
  await within(task.patience, 'closing the stores', Promise.all([store.close(), former?.close()]))
  process.send?.({ kind: 'ended' } satisfies ClientMessage, () => process.exit())
}
