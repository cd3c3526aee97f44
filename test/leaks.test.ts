/** What calls leave behind: listeners, memory, and promises that nobody awaits. */
import { queryObjects, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type EventStore, memoryStore } from '@eventsourced/core'
import { expect, it } from 'vitest'
import { balances, deposit } from '../src/conformance/balances.ts'
import { latch } from '../src/conformance/expect.ts'
import { ViewFeed } from '../src/live/view-feed.ts'
import { Watcher } from '../src/live/watcher.ts'
import { LogMember } from '../src/log/log-reader.ts'
import { abortable } from '../src/runtime/abort.ts'
import { PartitionRun } from '../src/subscription/partition-run.ts'
import { Worker } from '../src/subscription/worker.ts'

/** Returns the warnings of the process while `work` runs. */
async function warningsDuring(work: () => Promise<unknown>): Promise<string[]> {
  const heard: string[] = []
  const hear = (warning: Error) => heard.push(String(warning))
  process.on('warning', hear)
  await work()
  await new Promise(setImmediate)
  process.removeListener('warning', hear)
  return heard
}

it('any number of calls may wait with one signal: Node prints no warning, and no listener stays', async () => {
  const store = memoryStore()
  const controller = new AbortController()
  const { signal } = controller
  let listeners = 0
  const [add, remove] = [signal.addEventListener, signal.removeEventListener]
  signal.addEventListener = (...parameters: Parameters<typeof add>) => {
    listeners++
    return add.apply(signal, parameters)
  }
  signal.removeEventListener = (...parameters: Parameters<typeof remove>) => {
    listeners--
    return remove.apply(signal, parameters)
  }
  const heard = await warningsDuring(async () => {
    const { release, released } = latch()
    const held = Array.from({ length: 30 }, () => abortable(released, signal))
    const readers = Array.from({ length: 30 }, () => {
      const reader = store.readAll({ follow: true, signal })[Symbol.asyncIterator]()
      return { reader, next: reader.next() }
    })
    await new Promise(setImmediate)
    release()
    await Promise.all(held)
    for (const { reader } of readers) await reader.return?.()
    await Promise.all(readers.map(({ next }) => next))
  })
  expect(heard).toEqual([])
  expect(listeners).toBe(0)
  // The signal still ends every call.
  const waiting = [abortable(new Promise(() => {}), signal), abortable(new Promise(() => {}), signal)]
  controller.abort(new Error('the end'))
  for (const wait of waiting) await expect(wait).rejects.toThrow('the end')
  await store.close()
})

/** The state of a subscription's handler: a part that keeps the handler keeps it. */
class HandlerState {
  handled = 0
}

/** What is alive after a garbage collection, and how many timers run. */
function living() {
  const count = (kind: new (...parameters: never[]) => unknown) =>
    queryObjects(kind as new () => unknown, { format: 'count' }) as unknown as number
  return {
    workers: count(Worker),
    runs: count(PartitionRun),
    logMembers: count(LogMember),
    handlers: count(HandlerState),
    aborts: count(AbortController),
    timers: process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length,
  }
}

/** Lets what has ended end completely: continuations, and the last beats and looks. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 300))

function subscribe(store: EventStore, name: string) {
  const state = new HandlerState()
  const handle = () => void state.handled++
  return store.subscribe({ name, partitions: 3, types: ['A'], handle, leaseTime: 5_000 })
}

it('a subscription that has stopped leaves nothing behind, and neither do waiters', {
  timeout: 120_000,
}, async () => {
  const store = memoryStore()
  for (let stream = 0; stream < 5; stream++) await store.append(`s${stream}`, [{ type: 'A', data: 1 }])
  // One that stays, so that the reader, the heartbeat and the checkpoint writer of the store stay in use.
  const staying = subscribe(store, 'staying')
  await staying.caughtUp()
  const startAndStop = async (count: number) => {
    for (let from = 0; from < count; from += 250) {
      const started = Array.from({ length: 250 }, (_, nth) => subscribe(store, `s ${(from + nth) % 500}`))
      await Promise.all(started.map((one) => one.caughtUp()))
      await Promise.all(started.map((one) => one.stop()))
    }
  }
  const wait = async (count: number) => {
    const { signal } = new AbortController()
    const behind = { position: 1_000, timeout: 20 }
    await Promise.all(
      Array.from({ length: count }, (_, nth) =>
        nth % 3 === 0 ? staying.caughtUp(behind).catch(() => {}) : staying.caughtUp({ signal }),
      ),
    )
  }
  await startAndStop(250)
  await wait(50)
  await settled()
  const before = living()
  expect(before).toMatchObject({ workers: 1, runs: 3, logMembers: 3, handlers: 1 })
  await startAndStop(1_000)
  await wait(1_000)
  await settled()
  const after = living()
  // The heartbeat and the reader may be between two timers.
  expect(after.timers).toBeLessThanOrEqual(before.timers + 2)
  expect(after.aborts).toBeLessThanOrEqual(before.aborts + 10)
  expect({ ...after, timers: 0, aborts: 0 }).toEqual({ ...before, timers: 0, aborts: 0 })
  await store.close()
})

it('a watch that has ended leaves nothing behind, however it ends', { timeout: 60_000 }, async () => {
  const store = memoryStore({ inline: [balances] })
  await store.append('s', [deposit('a', 1)])
  const view = store.view(balances)
  const { signal } = new AbortController()
  const count = (kind: new (...parameters: never[]) => unknown) =>
    queryObjects(kind as new () => unknown, { format: 'count' }) as unknown as number
  const counts = () => ({
    watchers: count(Watcher),
    feeds: count(ViewFeed),
    logMembers: count(LogMember),
    aborts: count(AbortController),
  })
  const endAll = async (times: number) => {
    for (let nth = 0; nth < times; nth++) {
      for await (const _ of view.watch('a', { signal })) break
      const reader = view.watch({ prefix: '' }, { signal })[Symbol.asyncIterator]()
      await reader.next()
      const waiting = reader.next()
      await reader.return?.()
      await waiting
      const abort = new AbortController()
      const aborted = view.watch('a', { after: 1, signal: abort.signal })[Symbol.asyncIterator]().next()
      abort.abort(new Error('enough'))
      await expect(aborted).rejects.toThrow('enough')
    }
  }
  await endAll(20)
  await settled()
  const before = counts()
  await endAll(300)
  await settled()
  const { aborts, ...after } = counts()
  expect(aborts).toBeLessThanOrEqual(before.aborts + 10)
  // The last feed may still be on the stack of the engine.
  for (const left of Object.values(after)) expect(left).toBeLessThanOrEqual(1)
  await store.close()
})

it('caughtUp keeps nothing of a finished call', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const store = memoryStore()
  await store.append('a', [{ type: 'A', data: 1 }])
  const subscription = store.subscribe({ name: 's', handle() {} })
  const { signal } = new AbortController()
  async function used(calls: number): Promise<number> {
    for (let call = 0; call < calls; call++) {
      await subscription.caughtUp()
      await subscription.caughtUp({ signal })
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
    collect()
    return process.memoryUsage().heapUsed
  }
  await used(500)
  const before = await used(500)
  const calls = 4_000
  const after = await used(calls)
  // Each call kept about 1,000 bytes, and one with a signal more.
  expect((after - before) / calls).toBeLessThan(200)
  await store.close()
})

it('a rejected promise of onProgress is the error of the import', async () => {
  const store = memoryStore()
  const events = [1, 2, 3].map((data) => ({
    streamId: 'a',
    type: 'A',
    data,
    id: `00000000-0000-4000-8000-00000000000${data}`,
  }))
  const failure = new Error('the progress bar is gone')
  const onProgress = async () => {
    await new Promise(setImmediate)
    throw failure
  }
  await expect(store.import(events, { batchSize: 1, onProgress })).rejects.toBe(failure)
  await store.close()
})
