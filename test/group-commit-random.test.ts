/**
 * `GroupCommit` in random scenarios: callers append again and again, the database answers in any order with any
 * outcome, and time passes. A model of the waiting appends checks each call that reaches the database.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { StorageError, StoreUnavailableError } from '../src/errors/index.ts'
import { type Busy, GroupCommit } from '../src/storage/group-commit.ts'
import type { AppendOutcome, PreparedAppend } from '../src/storage/storage.ts'

const written: AppendOutcome = { kind: 'appended', version: 1, positions: [1], recordedAt: undefined }
const busy: Busy = { kind: 'busy' }
const slowAfter = 50
const slowSlots = 4

/** An append that has no outcome yet. */
interface ModelAppend {
  readonly id: string
  readonly streamId: string
  readonly giveUp: AbortController
  /** 'aside': a group had to leave it. */
  state: 'waiting' | 'running' | 'aside'
}

interface RunningGroup {
  readonly appends: ReadonlySet<ModelAppend>
  readonly streams: readonly string[]
  readonly startedAt: number
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
const streamsOf = (appends: Iterable<ModelAppend>) => new Set([...appends].map(({ streamId }) => streamId))

/** What the callers and the database know: which appends wait, and which groups run. */
class Model {
  /** In the order of the calls. */
  readonly pending = new Map<string, ModelAppend>()
  readonly groups = new Set<RunningGroup>()
  readonly inCalls = new Set<string>()
  readonly made: string[] = []
  readonly #maxBatch: number
  readonly #isShared: boolean

  constructor(maxBatch: number, isShared: boolean) {
    this.#maxBatch = maxBatch
    this.#isShared = isShared
  }

  /** The appends that a group may take: no append to their stream is under way. */
  takeable(): ModelAppend[] {
    const held = streamsOf([...this.pending.values()].filter(({ state }) => state !== 'waiting'))
    return [...this.pending.values()].filter(({ streamId }) => !held.has(streamId))
  }

  /**
   * Whether another group should run. While appends are retried aside, the model does not know which streams are free:
   * a part of a group may still hold a stream whose appends have an outcome.
   */
  isIdle(): boolean {
    if (this.groups.size >= 2 || [...this.pending.values()].some(({ state }) => state === 'aside'))
      return false
    const running = new Set([...this.groups].flatMap((group) => group.streams))
    return this.takeable().some(({ streamId, giveUp }) => !running.has(streamId) && !giveUp.signal.aborted)
  }

  /** Checks a call that has reached the database. */
  begin(call: readonly ModelAppend[], retried: boolean): void {
    for (const streamId of streamsOf(call)) {
      expect(this.inCalls.has(streamId), `${streamId} is under way twice`).toBe(false)
      this.inCalls.add(streamId)
      const own = call.filter((append) => append.streamId === streamId)
      const next = [...this.pending.values()].filter(
        (append) => append.streamId === streamId && (own.includes(append) || !append.giveUp.signal.aborted),
      )
      expect(own, 'in the order of the calls').toEqual(next.slice(0, own.length))
    }
    if (!retried) this.#beginGroup(call)
  }

  #beginGroup(call: readonly ModelAppend[]): void {
    const takeable = this.takeable()
    const streams = [...streamsOf(call)]
    expect(call.length).toBeLessThanOrEqual(this.#maxBatch)
    expect(
      call.every((append) => takeable.includes(append)),
      'no stream is held',
    ).toBe(true)
    if (this.#isShared) {
      const counted = new Set([...streamsOf(takeable), ...[...this.groups].flatMap((group) => group.streams)])
      expect(streams.length, 'within the share').toBeLessThanOrEqual(Math.ceil(counted.size / 2))
    }
    if (call.length < this.#maxBatch) {
      const own = takeable.filter(
        ({ streamId, giveUp }) => streams.includes(streamId) && !giveUp.signal.aborted,
      )
      expect(call.length, 'all appends of its streams').toBeGreaterThanOrEqual(own.length)
    }
    for (const append of call) append.state = 'running'
    const now = performance.now()
    this.groups.add({ appends: new Set(call), streams, startedAt: now })
    const fast = [...this.groups].filter(({ startedAt }) => now - startedAt < slowAfter)
    expect(fast.length, 'groups at once').toBeLessThanOrEqual(2)
    expect(this.groups.size, 'groups at once, with slow ones').toBeLessThanOrEqual(2 + slowSlots)
  }

  /** The database has answered. */
  end(call: readonly ModelAppend[]): void {
    for (const streamId of streamsOf(call)) this.inCalls.delete(streamId)
  }

  settle(append: ModelAppend): void {
    this.pending.delete(append.id)
  }

  /** Forgets groups that have ended. The queue does so in a later microtask, so the test calls this after a turn. */
  forgetGroups(): void {
    for (const group of this.groups) {
      const isRunning = [...group.appends].some(
        ({ id, state }) => this.pending.has(id) && state === 'running',
      )
      if (!isRunning) this.groups.delete(group)
    }
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

const scenario = fc.record({
  // For each caller, the streams that it appends to, one after the other.
  callers: fc.array(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), { maxLength: 8 }), {
    minLength: 1,
    maxLength: 16,
  }),
  steps: fc.infiniteStream(fc.constantFrom('answer', 'answer', 'answer', 'answer', 'time', 'give up')),
  victims: fc.infiniteStream(fc.nat(99)),
  fates: fc.infiniteStream(fc.constantFrom('written', 'written', 'written', 'busy', 'poison', 'lost')),
  failures: fc.nat(40),
  maxBatch: fc.oneof(fc.integer({ min: 2, max: 8 }), fc.constant(500)),
  gather: fc.constantFrom('share' as const, 'share' as const, 'all' as const),
  scheduler: fc.scheduler(),
})

it('settles every append once, in the order of its stream, in two groups at a time within their share', async () => {
  await fc.assert(
    fc.asyncProperty(
      scenario,
      async ({ callers, steps, victims, fates, failures, maxBatch, gather, scheduler }) => {
        const model = new Model(maxBatch, gather === 'share')
        let failuresLeft = failures
        const nextFate = () => (failuresLeft-- > 0 ? fates.next().value : 'written')

        async function send(appends: readonly PreparedAppend[], retried: boolean, isAlone: boolean) {
          const call = appends.map(({ events }) => model.pending.get(events[0]?.id ?? '') as ModelAppend)
          model.begin(call, retried)
          await scheduler.schedule(Promise.resolve(), call.map(({ id }) => id).join(' '))
          model.end(call)
          const fate = nextFate()
          if (fate === 'poison' && !isAlone) throw new StorageError('Appending', new Error('poison'))
          if (fate === 'busy' && !isAlone) {
            for (const append of call) append.state = 'aside'
            return busy
          }
          if (fate === 'lost' || fate === 'poison') {
            for (const append of call) model.settle(append)
            throw new StoreUnavailableError('Appending', 1, new Error('lost'))
          }
          const held = new Set([...streamsOf(call)].filter(() => nextFate() === 'busy'))
          return call.map((append) => {
            if (held.has(append.streamId)) {
              append.state = 'aside'
              return busy
            }
            model.settle(append)
            model.made.push(append.id)
            return written
          })
        }

        const group = new GroupCommit({
          alone: async (append, retried) => [await send([append], retried, true)].flat()[0] as AppendOutcome,
          together: (appends, retried) => send(appends, retried, false),
          maxBatch,
          gather,
        })
        const called: string[] = []
        const outcomes: string[] = []
        const refused: string[] = []
        async function call(streamId: string, id: string) {
          const giveUp = new AbortController()
          const append = { id, streamId, giveUp, state: 'waiting' as const }
          model.pending.set(id, append)
          called.push(id)
          const event = { id, idFrom: 'library' as const, type: 'T', data: '{}', metadata: '{}', tags: [] }
          await group
            .append({ streamId, expectedVersion: 'any', events: [event] }, giveUp.signal)
            .catch(() => {
              model.settle(append)
              refused.push(id)
            })
          outcomes.push(id)
        }
        let areSettled = false
        const all = callers.map(async (streams, caller) => {
          for (const [nth, streamId] of streams.entries())
            await call(streamId, `${streamId}-${caller}-${nth}`)
        })
        const end = Promise.all(all).then(() => {
          areSettled = true
        })
        for (let idle = 0; !areSettled; ) {
          const step = steps.next().value
          const pending = [...model.pending.values()]
          if (step === 'give up')
            pending[victims.next().value % pending.length]?.giveUp.abort(new Error('given up'))
          if (scheduler.count() > 0 && step === 'answer') await scheduler.waitOne()
          else vi.advanceTimersByTime(30)
          await turn()
          model.forgetGroups()
          expect(model.isIdle(), 'a slot is idle while an append could use it').toBe(false)
          idle = scheduler.count() > 0 ? 0 : idle + 1
          expect(idle, 'turns without a call').toBeLessThan(100)
        }
        await end
        expect(outcomes.toSorted()).toEqual(called.toSorted())
        expect([...model.made, ...refused].toSorted()).toEqual(called.toSorted())
      },
    ),
    { numRuns: 200 },
  )
})
