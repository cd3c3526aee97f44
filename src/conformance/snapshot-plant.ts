/** What the cases of snapshots share: a decider, handlers of processes that have just started, and checks. */
import assert from 'node:assert/strict'
import { type CommandHandler, commandHandler } from '../command/command-handler.ts'
import { type Decider, decider } from '../command/decider.ts'
import { foldStream } from '../command/fold-stream.ts'
import type { SnapshotOptions } from '../command/snapshot-options.ts'
import type { EventStore } from '../store.ts'
import { range } from './events.ts'

export const group = 'snapshots'
const every = 10

export type Grown = { type: 'Grown'; data: { by: number } }
export interface Plant {
  readonly size: number
  /** The size after each of the last events. */
  readonly last: readonly number[]
}
/** A command: grow by each of these numbers, or be refused. */
export type Growth = readonly number[] | 'refuse'

export class Refused extends Error {}

/** A decider, and a list of the sizes that it has decided on. */
function plantDecider(): {
  readonly plant: Decider<Plant, Growth, Grown>
  readonly decidedOn: number[]
} {
  const decidedOn: number[] = []
  const plant = decider({
    initialState: (): Plant => ({ size: 0, last: [] }),
    decide(growth: Growth, { size }): Grown[] {
      decidedOn.push(size)
      if (growth === 'refuse') throw new Refused(`refused at ${size}`)
      return growth.map((by) => ({ type: 'Grown', data: { by } }))
    },
    evolve: ({ size, last }, { data }) => ({
      size: size + data.by,
      last: [...last.slice(-2), size + data.by],
    }),
  })
  return { plant, decidedOn }
}

export const plant: Decider<Plant, Growth, Grown> = plantDecider().plant
export const snapshot: SnapshotOptions<Plant> = { name: 'plant', version: 1, every, wait: true }
export const ones = (count: number): number[] => range(1, count).map(() => 1)
export const grown = (count: number): Grown[] => ones(count).map((by) => ({ type: 'Grown', data: { by } }))

type CommandStore = Pick<EventStore, 'append' | 'readStream' | 'snapshots'>

interface ReadCounts {
  /** The number of events that were read. */
  read: number
  reads: number
}

/** The methods that a handler needs, and a count of the events that it has read. */
export function observedStore({ append, readStream, snapshots }: CommandStore): {
  readonly store: CommandStore
  readonly counts: ReadCounts
} {
  const counts = { read: 0, reads: 0 }
  const store: CommandStore = {
    append,
    snapshots,
    async readStream(streamId, options) {
      const slice = await readStream(streamId, options)
      counts.reads++
      counts.read += slice.events.length
      return slice as never
    },
  }
  return { store, counts }
}

/** A handler that knows no stream, as that of a process that has just started. */
export function coldHandler(
  given: CommandStore,
  options: Partial<SnapshotOptions<Plant>> = {},
): {
  readonly handle: CommandHandler<Plant, Growth, Grown>
  readonly counts: ReadCounts
  readonly decidedOn: number[]
} {
  const { store, counts } = observedStore(given)
  const { plant, decidedOn } = plantDecider()
  const handle = commandHandler({ store, decider: plant, snapshot: { ...snapshot, ...options } })
  return { handle, counts, decidedOn }
}

/** Appends events of a stream and lets a handler write a snapshot at its end. */
export async function grownStream(store: EventStore, streamId: string, count: number): Promise<void> {
  await store.append(streamId, grown(count - 1))
  await coldHandler(store).handle(streamId, [1])
  assert.equal((await store.snapshots.read('plant', streamId))?.version, count)
}

export interface Content {
  format: number
  version: number
  upcasts: string
  stream: { version: number; position: number; lastId: string }
  state: unknown
}

/** Replaces the stored snapshot of a stream by a changed one. */
export async function changeSnapshot(
  store: EventStore,
  streamId: string,
  change: (content: Content) => object | void,
): Promise<void> {
  const stored = await store.snapshots.read('plant', streamId)
  assert.ok(stored)
  const content = JSON.parse(stored.json)
  const json = JSON.stringify(change(content) ?? content)
  await store.snapshots.write('plant', streamId, { version: stored.version, json })
}

/** Asserts that the store has the right state, and a snapshot of the whole stream. */
export async function assertRight(store: EventStore, streamId: string, state: Plant): Promise<void> {
  const whole = await foldStream(store, streamId, plant)
  assert.deepEqual(state, whole.state)
  const stored = await store.snapshots.read('plant', streamId)
  assert.deepEqual(JSON.parse(stored?.json ?? '').state, whole.state)
  assert.equal(stored?.version, whole.version)
}

/** Returns the warnings that the work emits with the code of a failed snapshot. */
export async function warningsOf(work: () => Promise<unknown>): Promise<string[]> {
  const warnings: string[] = []
  const hear = (warning: Error & { code?: string }) => {
    if (warning.code === 'snapshot-failed') warnings.push(warning.message)
  }
  process.on('warning', hear)
  try {
    await work()
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.off('warning', hear)
  }
  return warnings
}
