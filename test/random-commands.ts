/** Random commands on two streams, and their outcomes under the options of a handler. */
import {
  type CommandHandlerOptions,
  commandHandler,
  decider,
  type EventStore,
  type ExpectedVersion,
  memoryStore,
  type RecordedEvent,
} from '@eventsourced/core'
import fc from 'fast-check'
import { collect } from './program.ts'

type Moved = { type: 'Moved'; data: number; id?: string }

interface Move {
  /** Decides `count` events of this amount ('all': minus the balance). Refused if the balance would be negative. */
  readonly count: number
  readonly amount: number | 'all'
  /** The id of the first event. 'odd' is an invalid id, which is used only if the balance is odd. */
  readonly id: string | undefined
}

const purse = decider({
  initialState: () => 0,
  decide({ count, amount, id }: Move, balance): Moved[] {
    const each = amount === 'all' ? -balance : amount
    if (balance + count * each < 0) throw new Error(`${balance} is less than ${count} times ${each}`)
    if (each === 0) return []
    const events: Moved[] = Array.from({ length: count }, () => ({ type: 'Moved', data: each }))
    const own = id === 'odd' ? (balance % 2 === 0 ? undefined : id) : id
    return events.map((event, index) => (index === 0 && own !== undefined ? { ...event, id: own } : event))
  },
  evolve: (balance, { data }) => balance + data,
})

const id = (digit: number) => `0190a5b2-0000-7000-8000-00000000000${digit}`
const sometimes = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })
export const step = fc.record({
  /** The handler of the command, or an append without a handler. */
  by: fc.constantFrom<0 | 1 | 'append'>(0, 0, 0, 1, 1, 'append'),
  stream: fc.constantFrom('a', 'a', 'b'),
  move: fc.record({
    count: fc.integer({ min: 0, max: 3 }),
    amount: fc.constantFrom<number | 'all'>(1, 2, 3, -1, -3, 'all'),
    id: sometimes(fc.constantFrom(id(1), id(2), 'odd')),
  }),
  commandId: sometimes(fc.constantFrom('x', 'y')),
  expectedVersion: sometimes(
    fc.constantFrom<ExpectedVersion>('any', 'noStream', 'streamExists', 0, 1, 2, 3, 4, 5, 6),
  ),
})
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

type Options = Pick<CommandHandlerOptions<number, Move, Moved>, 'cacheSize' | 'retries' | 'snapshot'>

/**
 * Returns the outcome of every step and the log at the end, without random ids and times. `before`: called before each
 * step.
 */
export async function outcomesOf(
  steps: readonly Step[],
  options: Options,
  before: (store: EventStore, index: number) => Promise<void> = async () => {},
): Promise<unknown[]> {
  const store = memoryStore()
  const handlers = [0, 1].map(() => commandHandler({ store, decider: purse, ...options }))
  const plain = (events: readonly RecordedEvent[]) =>
    events.map(({ streamId, version, position, data, metadata: { causationId } }) => {
      return [
        streamId,
        version,
        position,
        data,
        causationId === 'x' || causationId === 'y' ? causationId : '',
      ]
    })
  const outcomes: unknown[] = []
  for (const [index, { by, stream, move, commandId, expectedVersion }] of steps.entries()) {
    await before(store, index)
    try {
      const handle = by === 'append' ? undefined : handlers[by]
      if (handle === undefined) {
        await store.append(stream, [{ type: 'Moved', data: 1 }])
      } else {
        const { events, ...rest } = await handle(stream, move, { commandId, expectedVersion })
        outcomes.push({ ...rest, events: plain(events) })
      }
    } catch (error) {
      outcomes.push(error instanceof Error && { ...error, message: error.message })
    }
  }
  return [...outcomes, plain(await collect(store.readAll()))]
}
