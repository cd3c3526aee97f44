/** The lease of a build: a build ends if another process had the lease, and starts again at a new server's checkpoint. */
import { beforeEach, expect, it } from 'vitest'
import { counted, range } from '../src/conformance/events.ts'
import { engineEnvironment } from '../src/engine/environment.ts'
import { StoreUnavailableError } from '../src/errors/index.ts'
import { memoryStorage } from '../src/memory/store.ts'
import { InlineProjections } from '../src/projection/inline.ts'
import { projection } from '../src/projection/projection.ts'
import { rebuild } from '../src/projection/rebuild.ts'
import { systemClock } from '../src/runtime/clock.ts'
import { Wakeup } from '../src/runtime/wakeup.ts'
import type { StorageTransaction } from '../src/storage/projections.ts'
import type { RegisteredSubscription, SubscriptionDefinition } from '../src/storage/registry.ts'
import type { Storage } from '../src/storage/storage.ts'
import { uuidv7 } from '../src/uuid.ts'

let storage: Storage
/** The position of each folded event, and the state that it was folded into. */
let folded: [number, number][]

const count = projection({
  name: 'count',
  key: () => 'all',
  initialState: () => 0,
  evolve(state: number, { position }) {
    folded.push([position, state])
    return state + 1
  },
})

beforeEach(async () => {
  folded = []
  storage = memoryStorage(new InlineProjections())
  const events = counted(3).map(({ type, data }) => {
    const prepared = { type, data: JSON.stringify(data), metadata: '{}', tags: [] }
    return { id: uuidv7(), idFrom: 'library' as const, ...prepared }
  })
  await storage.append([{ streamId: 'a', expectedVersion: 'any', events }])
})

function startRebuild(ownStorage: Storage, onProgress: () => Promise<void> | void, now = systemClock.now) {
  const clock = { ...systemClock, now }
  const environment = engineEnvironment({ storage: ownStorage, wakeup: new Wakeup(), clock })
  return rebuild(environment, count, () => false, { batchSize: 1, onProgress })
}

it.each(['at once', 'after an outage'])(
  'a build whose lease another process has had fails: %s',
  async (when) => {
    let isOutage = false
    const transaction: Storage['transaction'] = async (...parameters) => {
      if (!isOutage) return storage.transaction(...parameters)
      isOutage = false
      throw new StoreUnavailableError('Asking', 1, 'no answer')
    }
    const end = startRebuild({ ...storage, transaction }, async () => {
      const name = '$build:count'
      const { definition } = (await storage.readSubscription(name)) as RegisteredSubscription
      const reset = (transaction: StorageTransaction) =>
        transaction.moveCheckpoints(name, definition as SubscriptionDefinition, 0)
      await storage.transaction('Taking the lease away', reset)
      isOutage = when !== 'at once'
    })
    await expect(end).rejects.toMatchObject({ code: 'lease-lost' })
    expect((await storage.registeredProjection('count'))?.version).toBe(0)
    expect(folded.length).toBeLessThanOrEqual(3)
  },
)

it('a build whose lease another server renews resumes with the documents and the checkpoint of that server', async () => {
  let [server, time] = ['first', 0]
  const keepLeases: Storage['keepLeases'] = async (...parameters) => {
    const answers = await storage.keepLeases(...parameters)
    return answers.map((kept) =>
      kept.kind === 'kept' ? { ...kept, leases: kept.leases.map((lease) => ({ ...lease, server })) } : kept,
    )
  }
  const end = startRebuild(
    { ...storage, keepLeases },
    async () => {
      time += 5_000
      if (server === 'second') return
      server = 'second'
      // The second server has the same checkpoint, but another document for the first event.
      const change = { projection: 'count', generation: 1, key: 'all', state: '10', position: 1 }
      await storage.transaction('Changing the document', (transaction) =>
        transaction.writeDocuments([change]),
      )
    },
    () => time,
  )
  await end
  expect(folded.slice(-2)).toEqual([
    [2, 10],
    [3, 11],
  ])
  expect(range(1, 3)).toEqual([...new Set(folded.map(([position]) => position))])
})
