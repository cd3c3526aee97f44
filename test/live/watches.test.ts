/** Many watches of one process: what they cost, what a slow caller costs, and what they do when the database fails. */

import { AsyncLocalStorage } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type EventStore, NestedCallError, StoreUnavailableError } from '@eventsourced/core'
import { expect, it } from 'vitest'
import { balances, deposit } from '../../src/conformance/balances.ts'
import { range } from '../../src/conformance/events.ts'
import { watched } from '../../src/conformance/watched.ts'
import { eventStore } from '../../src/engine/store-from-storage.ts'
import { memoryStorage } from '../../src/memory/store.ts'
import { InlineProjections } from '../../src/projection/inline.ts'
import type { Storage } from '../../src/storage/storage.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

interface Counted {
  readonly store: EventStore
  readonly reads: { log: number; documents: number; registry: number }
  /** What to do before each read, and to each page of the log. */
  before: () => void
  /** How long each read of a document takes, in milliseconds. */
  delay: number
  alter: (page: Awaited<ReturnType<Storage['readLogPage']>>) => typeof page
}

/** Set inside what stands for a transaction, in which the store must not be called. */
const nested = new AsyncLocalStorage<boolean>()

/** A store in memory that counts the reads of its storage, and lets the test break them. */
function countedStore(): Counted {
  const storage = memoryStorage(new InlineProjections([balances]))
  const reads = { log: 0, documents: 0, registry: 0 }
  const counted: Counted = {
    reads,
    before: () => {},
    delay: 0,
    alter: (page) => page,
    store: eventStore(
      {
        ...storage,
        checkNesting() {
          if (nested.getStore()) throw new NestedCallError('an inline projection')
        },
        async readLogPage(query, signal) {
          reads.log++
          counted.before()
          return counted.alter(await storage.readLogPage(query, signal))
        },
        async readDocument(name, key, signal) {
          reads.documents++
          counted.before()
          const document = await storage.readDocument(name, key, signal)
          if (counted.delay > 0) await new Promise((resolve) => setTimeout(resolve, counted.delay))
          return document
        },
        async registeredProjection(name, signal) {
          reads.registry++
          counted.before()
          return storage.registeredProjection(name, signal)
        },
      },
      { inline: [balances] },
    ),
  }
  return counted
}

/** Lets watches watch one of ten keys or their prefix, appends to one key after the other, and counts the reads. */
async function readsFor(watches: number) {
  const { store, reads } = countedStore()
  await store.append(
    's',
    range(0, 9).map((key) => deposit(`k-${key}`, 1)),
  )
  const view = store.view(balances)
  const all = range(1, watches).map((nth) =>
    watched<unknown>(nth % 10 === 0 ? view.watch({ prefix: 'k-' }) : view.watch(`k-${nth % 10}`)),
  )
  await Promise.all(all.map(({ next }) => next()))
  const began = { ...reads }
  const events = 10
  for (const count of range(1, events)) {
    const key = count % 10
    await store.append('s', [deposit(`k-${key}`, 1)])
    const concerned = all.filter((_, index) => (index + 1) % 10 === 0 || (index + 1) % 10 === key)
    await Promise.all(concerned.map(({ next }) => next()))
  }
  const perEvent = {
    log: (reads.log - began.log) / events,
    documents: (reads.documents - began.documents) / events,
  }
  await Promise.all(all.map(({ end }) => end()))
  await store.close()
  return { began, perEvent }
}

it('10,000 watches read the log and each changed document as often as 20 do', {
  timeout: 120_000,
}, async () => {
  const few = await readsFor(20)
  const many = await readsFor(10_000)
  console.log('reads: 20 watches', few, '10,000 watches', many)
  expect(many.perEvent.log).toBeLessThan(few.perEvent.log * 1.5 + 1)
  // Each event changes one document, which is read once, however many watch it.
  expect(many.perEvent.documents).toBeLessThanOrEqual(1.1)
  // The watches that begin together share their first reads.
  expect(many.began.documents).toBeLessThan(few.began.documents * 3)
  expect(many.began.log).toBeLessThan(few.began.log * 3)
})

it('10,000 watches whose callers take nothing keep a bounded amount of memory', {
  timeout: 120_000,
}, async () => {
  const { store } = countedStore()
  const view = store.view(balances)
  await store.append('s', [deposit('k-0', 1)])
  const used = () => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = used()
  const all = range(1, 10_000).map(() => watched<unknown>(view.watch({ prefix: 'k-' })))
  await Promise.all(all.map(({ next }) => next()))
  const idle = used()
  const fast = watched(view.watch('last'))
  await fast.next()
  const change = async (from: number, to: number) => {
    for (const key of range(from, to)) await store.append('s', [deposit(`k-${key}`, 1)])
    const { position } = await store.append('s', [deposit('last', 1)])
    await fast.until((one) => one.position >= position)
  }
  await change(1, 250)
  const full = used()
  await change(251, 260)
  const reset = used()
  const perWatch = (bytes: number) => Math.round((bytes - before) / 10_000)
  console.log(
    'bytes a watch: idle',
    perWatch(idle),
    'with 250 entries',
    perWatch(full),
    'reset',
    perWatch(reset),
  )
  expect(perWatch(idle)).toBeLessThan(10_000)
  // An entry is a place in a map: all watches share the document.
  expect((full - idle) / 10_000 / 250).toBeLessThan(100)
  // With more than 256 entries, a watch keeps none.
  expect(reset - idle).toBeLessThan((full - idle) / 4)
  const snapshot = (await all[0]?.next()) as { documents: unknown[] }
  expect(snapshot.documents).toHaveLength(261)
  await Promise.all(all.map(({ end }) => end()))
  await store.close()
})

it('a watch of a document that changes faster than it can be read yields states all the time', async () => {
  const counted = countedStore()
  const { store } = counted
  const { position } = await store.append('s', [deposit('a', 1)])
  counted.delay = 20
  const { next, end } = watched(store.view(balances).watch('a', { after: position }))
  let isWriting = true
  const writing = (async () => {
    while (isWriting) {
      await store.append('s', [deposit('a', 1)])
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  })()
  let revision = 0
  for (const _ of range(1, 10)) {
    const change = await next()
    expect(change.revision).toBeGreaterThanOrEqual(revision)
    revision = change.revision
  }
  isWriting = false
  await writing
  await end()
  await store.close()
})

it('a watch waits while the database is away, and then goes on', async () => {
  const counted = countedStore()
  const { store } = counted
  await store.append('s', [deposit('a', 1)])
  const { next, end } = watched(store.view(balances).watch('a'))
  await next()
  let failures = 0
  counted.before = () => {
    failures++
    throw new StoreUnavailableError('Reading', 0, new Error('no connection'))
  }
  const change = next()
  await store.append('s', [deposit('a', 1)])
  // A watch that begins meanwhile waits too.
  const late = watched(store.view(balances).watch({ prefix: '' }))
  const snapshot = late.next()
  while (failures < 4) await new Promise((resolve) => setTimeout(resolve, 10))
  counted.before = () => {}
  expect((await change).state?.balance).toBe(2)
  expect((await snapshot).reset).toBe(true)
  await end()
  await late.end()
  await store.close()
})

it('closing the store ends watches that wait for a database that is away', async () => {
  const counted = countedStore()
  const { store } = counted
  counted.before = () => {
    throw new StoreUnavailableError('Reading', 0, new Error('no connection'))
  }
  const first = store.view(balances).watch('a')[Symbol.asyncIterator]().next()
  const refusal = expect(first).rejects.toMatchObject({ code: 'store-closed' })
  await new Promise((resolve) => setTimeout(resolve, 50))
  await store.close()
  await refusal
})

it('a watch ends when the log has lost events that it has seen', async () => {
  const counted = countedStore()
  const { store } = counted
  await store.append('s', [deposit('a', 1)])
  const { next } = watched(store.view(balances).watch('a'))
  await next()
  await store.append('s', [deposit('a', 1)])
  await next()
  // Another server answers, and its log ends earlier.
  counted.alter = (page) => ({ ...page, server: 'promoted', events: [], frontier: 1, head: 1, through: 1 })
  await expect(next()).rejects.toMatchObject({ code: 'log-truncated' })
  // The next watch begins with the state of that server.
  const again = watched(store.view(balances).watch('a'))
  expect((await again.next()).reset).toBe(true)
  await again.end()
  await store.close()
})

it('a watch that ends leaves no reader of the log behind', async () => {
  const { store, reads } = countedStore()
  await store.append('s', [deposit('a', 1)])
  const { signal } = new AbortController()
  for (const _ of range(1, 20)) {
    for await (const { reset } of store.view(balances).watch('a', { signal })) {
      expect(reset).toBe(true)
      break
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 50))
  const before = { ...reads }
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect(reads).toEqual(before)
  await store.close()
})

it('a watch that is asked inside a transaction fails alone, and not the watches that share its read', async () => {
  const counted = countedStore()
  const { store } = counted
  const view = store.view(balances)
  const keys = range(1, 10).map((number) => `k-${number}`)
  await store.append('s', [deposit('first', 1), ...keys.map((key) => deposit(key, 1))])
  const [inside, outside] = range(1, 2).map(() => view.watch({ prefix: 'k-' }, { after: 2 }))
  const [a, b] = [inside, outside].map((watch) => watch?.[Symbol.asyncIterator]())
  await Promise.all([a?.next(), b?.next()])
  // Other reads take all slots, so that the read of both watches waits, and runs later.
  counted.delay = 50
  const others = range(1, 8).map((number) => watched(view.watch(`other-${number}`)))
  const reading = Promise.all(others.map(({ next }) => next()))
  await new Promise((resolve) => setTimeout(resolve, 20))
  const refused = nested
    .run(true, async () => a?.next())
    .then(
      () => 'done',
      (error) => error.code,
    )
  const next = await b?.next()
  expect(next?.value).toMatchObject({ key: 'k-2', reset: false })
  expect(await refused).toBe('nested-call')
  await reading
  await store.close()
})
