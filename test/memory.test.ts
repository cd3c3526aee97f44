/** Transactions of the store in memory: which one waits for which, and that an aborted one writes nothing. */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { type HandlerTransaction, memoryStore, projection, type RecordedEvent } from '@eventsourced/core'
import { it } from 'vitest'
import { collect, counted } from '../src/conformance/events.ts'
import { latch } from '../src/conformance/expect.ts'
import { memoryStorage } from '../src/memory/store.ts'
import { InlineProjections } from '../src/projection/inline.ts'

const happened = (data: unknown = {}) => ({ type: 'Happened', data })
const endless = () => new Promise<never>(() => {})

/** An inline projection that waits, within the append, when it handles events of stream `slow`. */
function waitingFor(wait: () => Promise<void>, entered = () => {}) {
  return projection({
    name: 'waiting',
    streamPrefix: 'slow',
    async handle(_events, _tx: HandlerTransaction) {
      entered()
      await wait()
    },
  })
}

const storageOf = () => memoryStorage(new InlineProjections())
const documentAt = (key: string, generation = 0) => ({ projection: 'p', generation, key })
const changeOf = (key: string, state: unknown, generation = 0) => ({
  ...documentAt(key, generation),
  state: JSON.stringify(state),
  position: 1,
})

it('an append that is aborted while its projection hangs does not block the next append', async () => {
  const store = memoryStore({ inline: [waitingFor(endless)] })
  const controller = new AbortController()
  const hanging = store.append('slow', [happened()], { signal: controller.signal })
  const next = store.append('next', [happened()])
  controller.abort(new Error('given up'))
  await assert.rejects(hanging, /given up/)
  assert.equal((await next).version, 1)
  assert.equal(await store.streamInfo('slow'), undefined)
  await store.close()
})

it('an aborted append is not made, even if its projection ends later', async () => {
  const { released, release } = latch()
  const store = memoryStore({ inline: [waitingFor(() => released)] })
  const controller = new AbortController()
  const late = store.append('slow', [happened()], { signal: controller.signal })
  controller.abort(new Error('given up'))
  await assert.rejects(late, /given up/)
  release()
  const { positions } = await store.append('next', [happened()])
  assert.deepEqual(positions, [1])
  assert.equal(await store.streamInfo('slow'), undefined)
})

it('a transaction that is aborted while it waits for the lock ends at once', async () => {
  const storage = storageOf()
  const [entered, end] = [latch(), latch()]
  const first = storage.transaction('First', async (transaction) => {
    await transaction.lockProjection('p')
    entered.release()
    await end.released
  })
  await entered.released
  const controller = new AbortController()
  const lock = storage.transaction('Second', (two) => two.lockProjection('p'), controller.signal)
  controller.abort(new Error('given up'))
  await assert.rejects(lock, /given up/)
  end.release()
  await first
})

it('createStream waits for an append whose projection is running, and then finds its stream', async () => {
  const [entered, end] = [latch(), latch()]
  const store = memoryStore({ inline: [waitingFor(() => end.released, entered.release)] })
  const appending = store.append('slow', [happened()], { expectedVersion: 'noStream' })
  await entered.released
  const creating = store.createStream('slow')
  end.release()
  const outcomes = await Promise.allSettled([appending, creating])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
})

it('a handler in a transaction may append to the same store', async () => {
  const counts = projection({
    name: 'counts',
    key: ({ type }) => type,
    initialState: () => 0,
    evolve: (count: number) => count + 1,
  })
  const store = memoryStore({ inline: [counts] })
  await store.append('first', [happened()])
  await store.runOnce({
    name: 'echo',
    types: ['Happened'],
    transactional: true,
    async handle(event, { tx }) {
      await store.append('echo', [{ type: 'Echoed', data: {} }])
      await tx.documents('echoes').put('last', { position: event.position })
    },
  })
  assert.equal((await store.view(counts).get('Echoed'))?.state, 1)
  assert.deepEqual((await store.view('echoes').get('last'))?.state, { position: 1 })
})

it('a write with a transaction that is over is refused, and not silently lost', async () => {
  const storage = storageOf()
  let kept: HandlerTransaction | undefined
  await storage.transaction('Kept', async ({ user }) => {
    kept = user
    await user.documents('p').put('a', 1)
  })
  await assert.rejects(async () => kept?.documents('p').put('a', 2), /transaction is over/)
  const failed = storage.transaction('Failed', async ({ user }) => {
    kept = user
    throw new Error('on purpose')
  })
  await assert.rejects(failed, /on purpose/)
  await assert.rejects(async () => kept?.documents('p').get('a'), /transaction is over/)
  assert.equal((await storage.readDocument('p', 'a'))?.state, '1')
})

it('compareDocuments sees the writes of its transaction, which are rolled back when that fails', async () => {
  const storage = storageOf()
  await storage.transaction('Writing', async (transaction) => {
    await transaction.writeDocuments([changeOf('a', 1, 1), changeOf('a', 1, 2), changeOf('b', 1, 2)])
  })
  const comparing = storage.transaction('Comparing', async (transaction) => {
    await transaction.writeDocuments([
      changeOf('a', 2, 2),
      { ...changeOf('b', null, 2), state: null },
      changeOf('c', 3, 2),
    ])
    assert.deepEqual(await transaction.compareDocuments('p', 1, 2, 10), {
      documents: 2,
      differences: [
        { key: 'a', left: '1', right: '2' },
        { key: 'c', left: undefined, right: '3' },
      ],
    })
    throw new Error('on purpose')
  })
  await assert.rejects(comparing, /on purpose/)
  await storage.transaction('Reading', async (transaction) => {
    const documents = await transaction.readDocuments(['a', 'b', 'c'].map((key) => documentAt(key, 2)))
    assert.deepEqual(
      documents.map((document) => document?.state),
      ['1', '1', undefined],
    )
  })
})

it('transactions change the same document one after the other', async () => {
  const storage = storageOf()
  const add = () =>
    storage.transaction('Adding', async ({ user }) => {
      const counts = user.documents<number>('counts')
      const count = (await counts.get('all')) ?? 0
      await new Promise(setImmediate)
      await counts.put('all', count + 1)
    })
  await Promise.all(Array.from({ length: 20 }, add))
  const { state, revision } = (await storage.readDocument('counts', 'all')) ?? {}
  assert.deepEqual({ state, revision }, { state: '20', revision: 20 })
})

it('written documents are visible only to their transaction before it commits', async () => {
  const storage = storageOf()
  await storage.transaction('Writing', async (transaction) => {
    await transaction.writeDocuments([changeOf('a', 1)])
    assert.equal(await storage.readDocument('p', 'a'), undefined)
    assert.equal((await transaction.readDocuments([documentAt('a')]))[0]?.state, '1')
  })
  assert.equal((await storage.readDocument('p', 'a'))?.state, '1')
})

// The race: the last step of a rebuild has read the log, an append without the projection comes, and the step commits.
it('an append during the last step of a rebuild that makes a projection inline waits for it, and is refused', async () => {
  const store = memoryStore()
  const outside = AsyncLocalStorage.snapshot()
  const appends: Promise<unknown>[] = []
  const total = projection({
    name: 'total',
    key({ type }: RecordedEvent) {
      // Folding an event makes the next append, so that one comes while the last step folds.
      if (type === 'Counted')
        appends.push(outside(() => store.append('extra', [{ type: 'Extra', data: {} }])))
      return 'all'
    },
    initialState: () => 0,
    evolve: (sum: number) => sum + 1,
  })
  await store.append('a', counted(5))
  const onProgress = async () => void (await outside(() => store.append('a', counted(5))))
  await store.rebuild(total, { mode: 'inline', batchSize: 5, onProgress })
  const outcomes = await Promise.allSettled(appends)
  const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  assert.ok(errors.length > 0)
  for (const error of errors) assert.equal(error.code, 'missing-inline-projection', error)
  const { length } = await collect(store.readAll())
  assert.equal((await store.view(total).get('all'))?.state, length)
})
