/** `GroupCommit`: how it gathers and settles appends. The test writes every answer of the database. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { range } from '../src/conformance/events.ts'
import { StorageError, StoreUnavailableError } from '../src/errors/index.ts'
import {
  type Busy,
  GroupCommit,
  type GroupCommitOptions,
  type Throttled,
} from '../src/storage/group-commit.ts'
import type { AppendOutcome, PreparedAppend } from '../src/storage/storage.ts'

type Answer = AppendOutcome | Busy | Throttled

const written: AppendOutcome = { kind: 'appended', version: 1, positions: [1], recordedAt: undefined }
const busy: Busy = { kind: 'busy' }
const throttled: Throttled = { kind: 'throttled', error: new Error('throttled') }
const poison = new StorageError('Appending', new Error('poison'))

function appendTo(streamId: string, { bytes = 2, id = 'id' } = {}): PreparedAppend {
  const event = {
    id,
    idFrom: 'library' as const,
    type: 'T',
    data: 'x'.repeat(bytes - 2),
    metadata: '{}',
    tags: [],
  }
  return { streamId, expectedVersion: 'any', events: [event] }
}

/** A call that has reached the database, and functions to answer it. */
interface Call {
  readonly streams: readonly string[]
  readonly ids: readonly string[]
  readonly retried: boolean
  answer(...outcomes: Answer[]): Promise<void>
  /** The call has waited too long for a lock, and nothing was written. */
  lock(): Promise<void>
  fail(error: unknown): Promise<void>
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
/** Lets callers get an answer, and lets the group send the appends that waited for it. */
const turns = () => turn().then(turn)

function scripted(options: Partial<GroupCommitOptions> = {}) {
  const calls: Call[] = []
  function send<T>(appends: readonly PreparedAppend[], retried: boolean, toAnswer: (all: Answer[]) => T) {
    return new Promise<T | Busy>((resolve, reject) => {
      calls.push({
        streams: appends.map(({ streamId }) => streamId),
        ids: appends.map(({ events }) => events[0]?.id ?? ''),
        retried,
        async answer(...outcomes) {
          resolve(toAnswer(outcomes.length > 0 ? outcomes : appends.map(() => written)))
          await turns()
        },
        async lock() {
          resolve(busy)
          await turns()
        },
        async fail(error) {
          reject(error)
          await turns()
        },
      })
    })
  }
  const group = new GroupCommit({
    alone: (append, retried) => send([append], retried, ([outcome]) => outcome as AppendOutcome | Busy),
    together: (appends, retried) => send(appends, retried, (outcomes) => outcomes),
    maxBatch: 500,
    lockTimeout: 30_000,
    ...options,
  })
  return { calls, group }
}

/** Every group takes all that waits, so that the test decides which appends are in one group. */
const wholeGroups = (options: Partial<GroupCommitOptions> = {}) =>
  scripted({ gather: () => 'all', ...options })

/** A caller who appends, waits for the outcome, and then appends to the next stream. */
async function appendAgainAndAgain(group: GroupCommit, nextStream: () => string, settled = () => {}) {
  for (;;) {
    await group.append(appendTo(nextStream()))
    settled()
  }
}

const streamsOf = (calls: readonly Call[]) => calls.map(({ streams }) => streams.join(' '))

/** No group is slow while time stands still, however busy the machine is. */
function stopTime() {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })
}

describe('gathering', () => {
  stopTime()

  it('sends a single append as soon as the caller waits for it', async () => {
    const { calls, group } = scripted()
    const outcome = group.append(appendTo('a'))
    await turn()
    expect(streamsOf(calls)).toEqual(['a'])
    await calls[0]?.answer()
    expect(await outcome).toBe(written)
  })

  it('sends the appends of two callers side by side', async () => {
    const { calls, group } = scripted()
    group.append(appendTo('a'))
    group.append(appendTo('b'))
    await turn()
    expect(streamsOf(calls)).toEqual(['a', 'b'])
  })

  it('puts half of the streams into a group, with all their waiting appends', async () => {
    const { calls, group } = scripted()
    for (const streamId of ['a', 'b', 'a', 'c', 'a', 'c', 'd']) group.append(appendTo(streamId))
    await turn()
    expect(streamsOf(calls)).toEqual(['a a a b', 'c c d'])
  })

  it('counts the other calls of the store, which keep the database busy: half of all', async () => {
    let reads = 2
    const { calls, group } = scripted({ otherCalls: () => reads })
    for (const streamId of ['a', 'b', 'c', 'd']) group.append(appendTo(streamId))
    await turn()
    expect(streamsOf(calls)).toEqual(['a b c', 'd'])
    for (const { answer } of [...calls]) await answer()
    reads = 40
    for (const streamId of ['e', 'f', 'g', 'h']) group.append(appendTo(streamId))
    await turn()
    expect(streamsOf(calls.slice(2))).toEqual(['e f g h'])
  })

  it('counts streams, not appends: a share of one stream has all its waiting appends', async () => {
    const { calls, group } = scripted()
    for (const _ of range(1, 100)) group.append(appendTo('a'))
    group.append(appendTo('b'))
    await turn()
    expect(calls.map(({ streams }) => streams.length)).toEqual([100, 1])
    for (const streamId of ['c', 'd', 'e', 'f', 'g']) group.append(appendTo(streamId))
    await calls[1]?.answer()
    expect(streamsOf(calls.slice(2))).toEqual(['c d e'])
  })

  it('runs two groups at a time, and the next one takes half of the streams that wait or are under way', async () => {
    const { calls, group } = scripted()
    for (const streamId of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      group.append(appendTo(streamId))
      await turn()
    }
    expect(streamsOf(calls)).toEqual(['a', 'b'])
    await calls[1]?.answer()
    expect(streamsOf(calls)).toEqual(['a', 'b', 'c d e'])
    await calls[0]?.answer()
    expect(streamsOf(calls)).toEqual(['a', 'b', 'c d e', 'f g'])
  })

  // Fault: a group took all waiting appends. So all callers were in one group, continued together when it was settled,
  // and were in one group again. Meanwhile the database was idle, and then the callers were.
  it('splits a group of all callers when they continue together, and they stay in two groups', async () => {
    const { calls, group } = scripted()
    for (const caller of range(1, 8)) appendAgainAndAgain(group, () => `caller ${caller}`)
    const sizes = () => calls.map(({ streams }) => streams.length)
    await turn()
    expect(sizes()).toEqual([4, 4])
    await calls[0]?.answer()
    expect(sizes()).toEqual([4, 4, 4])
    // Both groups are settled in the same tick.
    await Promise.all([calls[1]?.answer(), calls[2]?.answer()])
    expect(sizes()).toEqual([4, 4, 4, 4, 4])
  })

  // Fault: the waiting appends to a hot stream started a group of their own before the callers of the last group had
  // reached their next append. With 32 callers and 4 streams, groups had 8.8 appends instead of 11.8.
  it('takes the callers of a settled group along with the appends that wait already', async () => {
    const { calls, group } = scripted()
    const callAgain = async () => {
      await group.append(appendTo('a'))
      for (const _ of range(1, 50)) await undefined
      group.append(appendTo('a'))
    }
    callAgain()
    await turn()
    group.append(appendTo('a'))
    await calls[0]?.answer()
    expect(streamsOf(calls)).toEqual(['a', 'a a'])
  })

  it('evens out two groups of different size', async () => {
    const { calls, group } = scripted()
    appendAgainAndAgain(group, () => 'caller 1')
    await turn()
    for (const caller of range(2, 8)) appendAgainAndAgain(group, () => `caller ${caller}`)
    const sizes = () => calls.map(({ streams }) => streams.length)
    await turn()
    expect(sizes()).toEqual([1, 4])
    await calls[1]?.answer()
    expect(sizes()).toEqual([1, 4, 4])
    await calls[0]?.answer()
    expect(sizes()).toEqual([1, 4, 4, 4])
  })

  it("takes all that waits into one group with gather 'all'", async () => {
    const { calls, group } = wholeGroups()
    for (const streamId of ['a', 'b', 'a', 'c']) group.append(appendTo(streamId))
    await turn()
    expect(streamsOf(calls)).toEqual(['a a b c'])
    for (const streamId of ['d', 'e']) group.append(appendTo(streamId))
    await turn()
    expect(streamsOf(calls)).toEqual(['a a b c', 'd e'])
  })

  it('ends a group at maxBatch appends, and at a megabyte', async () => {
    const few = scripted({ maxBatch: 3 })
    for (const streamId of ['a', 'b', 'c', 'd', 'e']) few.group.append(appendTo(streamId))
    await turn()
    expect(streamsOf(few.calls)).toEqual(['a b c', 'd e'])

    const { calls, group } = scripted()
    for (const streamId of ['a', 'b', 'c']) group.append(appendTo(streamId, { bytes: 500_000 }))
    group.append(appendTo('d', { bytes: 3_000_000 }))
    await turn()
    expect(streamsOf(calls)).toEqual(['a b', 'c'])
    await calls[0]?.answer()
    expect(streamsOf(calls)).toEqual(['a b', 'c', 'd'])
  })

  it('makes no groups if maxBatch is 1', async () => {
    const { calls, group } = scripted({ maxBatch: 1 })
    for (const streamId of ['a', 'b', 'a']) group.append(appendTo(streamId))
    expect(streamsOf(calls)).toEqual(['a', 'b', 'a'])
  })

  it('leaves out an append that was aborted before it was sent', async () => {
    const { calls, group } = scripted()
    const giveUp = new AbortController()
    const aborted = group.append(appendTo('a'), giveUp.signal)
    for (const streamId of ['b', 'c']) group.append(appendTo(streamId))
    giveUp.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    expect(streamsOf(calls)).toEqual(['b c'])
    for (const streamId of ['a', 'c']) group.append(appendTo(streamId))
    await turn()
    expect(streamsOf(calls)).toEqual(['b c', 'a'])
  })
})

describe('one stream', () => {
  it('is in one group at a time, in the order of the calls, while other streams pass', async () => {
    const { calls, group } = scripted()
    group.append(appendTo('a'))
    await turn()
    for (const streamId of ['a', 'b', 'a']) group.append(appendTo(streamId))
    await turn()
    group.append(appendTo('a'))
    group.append(appendTo('c'))
    await turn()
    expect(streamsOf(calls)).toEqual(['a', 'b'])
    await calls[1]?.answer()
    expect(streamsOf(calls)).toEqual(['a', 'b', 'c'])
    await calls[0]?.answer()
    expect(streamsOf(calls)).toEqual(['a', 'b', 'c', 'a a a'])
  })

  it('may have 200,000 waiting appends', async () => {
    const { calls, group } = scripted()
    group.append(appendTo('a'))
    await turn()
    for (let call = 0; call < 200_000; call++) group.append(appendTo('a'))
    await turn()
    await calls[0]?.answer()
    expect(calls[1]?.streams.length).toBe(500)
  })

  it('that another transaction holds is appended to later, while the rest of its group is settled', async () => {
    const { calls, group } = wholeGroups()
    const first = group.append(appendTo('a'))
    const held = [group.append(appendTo('b')), group.append(appendTo('b'))]
    await turn()
    await calls[0]?.answer(written, busy, busy)
    expect(await first).toBe(written)
    const later = group.append(appendTo('b'))
    await turn()
    // An earlier attempt of the group may have made an append whose stream is now busy.
    expect(calls.slice(1).map(({ streams, retried }) => [...streams, retried])).toEqual([['b', true]])
    // The first append alone shows that the stream is free.
    await calls[1]?.answer()
    await calls[2]?.answer()
    expect(await Promise.all(held)).toEqual([written, written])
    await calls[3]?.answer()
    expect(await later).toBe(written)
  })

  it('keeps its order when a group is halved and only its first half finds the stream held', async () => {
    const { calls, group } = wholeGroups()
    const order: string[] = []
    for (const [index, streamId] of ['b', 'a', 'a', 'c'].entries()) {
      group.append(appendTo(streamId)).then(() => order.push(`${streamId}${index}`))
    }
    await turn()
    await calls[0]?.fail(poison)
    await calls[1]?.answer(written, busy)
    expect(streamsOf(calls)).toEqual(['b a a c', 'b a', 'c'])
    for (const at of [2, 3, 4]) await calls[at]?.answer()
    expect(order).toEqual(['b0', 'c3', 'a1', 'a2'])
  })

  it.each([1, 500])(
    'that is held at the first append gets it after a pause, with maxBatch %d',
    async (maxBatch) => {
      const { calls, group } = scripted({ maxBatch })
      const held = group.append(appendTo('a'))
      await turn()
      await calls[0]?.answer(busy)
      await calls[1]?.answer(busy)
      // The pause begins, and takes no slot.
      for (const streamId of ['b', 'c']) {
        group.append(appendTo(streamId))
        await turn()
      }
      expect(streamsOf(calls)).toEqual(['a', 'a', 'b', 'c'])
      await vi.waitFor(() => expect(streamsOf(calls)).toEqual(['a', 'a', 'b', 'c', 'a']))
      await calls[4]?.answer()
      expect(await held).toBe(written)
    },
  )

  it('that is held for longer than the timeout refuses its appends', async () => {
    const { calls, group } = scripted({ lockTimeout: 100 })
    const outcomes = [1, 2].map(() => group.append(appendTo('a')).catch((error: unknown) => error))
    await turn()
    for (let at = 0; (await Promise.race([outcomes[1], turns()])) === undefined; ) {
      const call = calls[at]
      if (call !== undefined) at++
      await call?.answer(...call.streams.map(() => busy))
    }
    const timedOut = expect.objectContaining({ code: 'lock-timeout', timeout: 100 })
    expect(await Promise.all(outcomes)).toEqual([timedOut, timedOut])
    const next = group.append(appendTo('a'))
    await turn()
    await calls.at(-1)?.answer()
    expect(await next).toBe(written)
  })

  it('that is held after a lost answer leaves open at the end whether the append was made', async () => {
    const { calls, group } = scripted({ lockTimeout: 50 })
    const outcomes = [1, 2].map(() => group.append(appendTo('a')).catch((error: unknown) => error))
    await turn()
    await calls[0]?.answer(busy, { kind: 'busy', mayBeMade: true })
    for (let at = 1; (await Promise.race([outcomes[1], turns()])) === undefined; ) {
      const call = calls[at]
      if (call !== undefined) at++
      await call?.answer(...call.streams.map(() => busy))
    }
    expect(await Promise.all(outcomes)).toMatchObject([
      { code: 'lock-timeout' },
      { code: 'store-unavailable' },
    ])
  })

  it('that is held keeps an append no longer than the timeout, however many appends wait before it', async () => {
    const { calls, group } = scripted({ maxBatch: 2, lockTimeout: 100 })
    const appendOne = () => {
      const calledAt = performance.now()
      return group.append(appendTo('a')).catch(() => performance.now() - calledAt)
    }
    const waited = Promise.all(range(1, 20).map(appendOne))
    let isOver = false
    waited.then(() => {
      isOver = true
    })
    for (let at = 0; !isOver; await turn()) {
      const call = calls[at]
      if (call !== undefined) at++
      await call?.answer(...call.streams.map(() => busy))
    }
    // One after the other, the ten groups would take a second.
    expect(Math.max(...((await waited) as number[]))).toBeLessThan(500)
  })

  it('that is held delays other groups for at most 50 ms', async () => {
    const { calls, group } = scripted()
    for (const streamId of ['a', 'b', 'c']) {
      group.append(appendTo(streamId))
      await turn()
    }
    expect(streamsOf(calls)).toEqual(['a', 'b'])
    await vi.waitFor(() => expect(streamsOf(calls)).toEqual(['a', 'b', 'c']))
  })
})

describe('turns of the streams', () => {
  stopTime()

  it('a stream that a group leaves behind keeps the order of its appends', async () => {
    const { calls, group } = scripted()
    for (const streamId of ['a', 'b', 'c', 'd', 'e']) {
      group.append(appendTo(streamId, { id: `${streamId}1` }))
      await turn()
    }
    await calls[0]?.answer()
    expect(streamsOf(calls)).toEqual(['a', 'b', 'c d'])
    for (const number of [2, 3]) group.append(appendTo('e', { id: `e${number}` }))
    await calls[1]?.answer()
    expect(calls[3]?.ids).toEqual(['e1', 'e2', 'e3'])
  })

  it('a stream that is released goes before the streams that began to wait later, and behind the others', async () => {
    const { calls, group } = scripted({ maxBatch: 2 })
    for (const streamId of ['a', 'b', 'c', 'a', 'd', 'e']) {
      group.append(appendTo(streamId))
      await turn()
    }
    await calls[0]?.answer()
    await calls[1]?.answer()
    await calls[2]?.answer()
    expect(streamsOf(calls)).toEqual(['a', 'b', 'c a', 'd e'])
  })

  it('a stream that has filled a group goes behind the streams that wait', async () => {
    const { calls, group } = scripted({ maxBatch: 2 })
    for (const streamId of ['a', 'a', 'a', 'a', 'b', 'c', 'd']) group.append(appendTo(streamId))
    await turn()
    for (const at of [0, 1, 2]) await calls[at]?.answer()
    expect(streamsOf(calls)).toEqual(['a a', 'b c', 'd a', 'a'])
  })

  it('an append that waits for a held stream waits no longer than the timeout', async () => {
    const { calls, group } = scripted({ lockTimeout: 100 })
    let refused = 0
    for (const _ of range(1, 3)) {
      const calledAt = performance.now()
      group.append(appendTo('a')).catch(() => {
        refused++
        expect(performance.now() - calledAt).toBeLessThan(200)
      })
      // The first append is retried aside when the others are called.
      await turn()
      await calls[0]?.answer(busy)
    }
    for (let at = 1; refused < 3; await turn()) {
      const call = calls[at]
      if (call !== undefined) at++
      await call?.answer(...call.streams.map(() => busy))
      vi.advanceTimersByTime(10)
    }
  })

  // Fault of a draft: hot streams that were released went before all others, and filled every group.
  it.each([2, 4, 16, 500])(
    'no caller waits for many groups beside 4 hot streams, with maxBatch %d',
    async (maxBatch) => {
      const { calls, group } = scripted({ maxBatch })
      const callers = range(1, 40)
      const counts = new Map(callers.map((caller) => [caller, 0]))
      let named = 0
      // 32 callers append to hot streams, and 8 callers to new streams.
      for (const caller of callers) {
        const nextStream = () => (caller <= 32 ? `hot ${caller % 4}` : `new ${++named}`)
        appendAgainAndAgain(group, nextStream, () => counts.set(caller, (counts.get(caller) ?? 0) + 1))
      }
      await turn()
      for (let at = 0; at < 400; at++) await calls[at]?.answer()
      // A caller who appends to a new stream shares its turn with fewer callers, and so may append more often.
      const [least = 0, most = 0] = [Math.min(...counts.values()), Math.max(...counts.values())]
      expect(least).toBeGreaterThan(most / 5)
    },
  )
})

describe('a group takes its share as if there were no', () => {
  stopTime()

  /** Appends to four streams at a time. A share is two of them, if no other stream counts. */
  async function expectTwoGroups({ calls, group }: ReturnType<typeof scripted>) {
    const before = calls.length
    for (const streamId of ['a', 'b', 'c', 'd']) group.append(appendTo(streamId))
    await turn()
    expect(streamsOf(calls.slice(before))).toEqual(['a b', 'c d'])
  }

  it('held streams, and no appends that wait for them', async () => {
    const script = scripted()
    const held = range(1, 6).map((number) => `held ${number}`)
    for (const streamId of held) script.group.append(appendTo(streamId))
    await turn()
    for (const at of [0, 1]) await script.calls[at]?.answer(busy, busy, busy)
    // Two retries are under way, and the other streams wait for a retry.
    expect(streamsOf(script.calls.slice(2))).toEqual(['held 1', 'held 2'])
    for (const streamId of held) script.group.append(appendTo(streamId))
    await expectTwoGroups(script)
  })

  it('groups that wait for a lock, and are made in parts', async () => {
    const script = scripted()
    for (const number of range(1, 12)) script.group.append(appendTo(`locked ${number}`))
    await turn()
    for (const at of [0, 1]) await script.calls[at]?.lock()
    expect(script.calls[2]?.retried).toBe(true)
    await expectTwoGroups(script)
  })

  it('slow groups', async () => {
    const script = scripted()
    for (const number of range(1, 12)) script.group.append(appendTo(`slow ${number}`))
    await turn()
    // After this time a group is slow.
    vi.advanceTimersByTime(50)
    await expectTwoGroups(script)
    // Nor do they count once they are settled.
    for (const at of [0, 1, 2, 3]) await script.calls[at]?.answer()
    await expectTwoGroups(script)
  })
})

describe('a lock that is no stream', () => {
  // Fault: after a group had waited too long for a document that all appends change, each of its appends was made alone
  // and waited in line alone, behind whole groups of other processes. Some waited for the whole timeout.
  it('delays a group, which is then made in parts that grow', async () => {
    const { calls, group } = wholeGroups()
    const streams = range(1, 80).map((number) => `s${number}`)
    const outcomes = Promise.all(streams.map((streamId) => group.append(appendTo(streamId))))
    await turn()
    await calls[0]?.lock()
    await calls[1]?.lock()
    for (let at = 2; at < calls.length; at++) await calls[at]?.answer()
    expect(await outcomes).toEqual(streams.map(() => written))
    expect(calls.map(({ streams }) => streams.length)).toEqual([80, 20, 5, 10, 20, 40, 5])
    expect(calls.map(({ retried }) => retried)).toEqual([false, true, true, true, true, true, true])
  })

  it('keeps the order of a stream that is held too while the group is made in parts', async () => {
    const { calls, group } = wholeGroups()
    const made: string[] = []
    for (const [index, streamId] of ['b', 'a', 'a', 'c', 'd', 'e', 'f', 'g'].entries()) {
      group.append(appendTo(streamId)).then(() => made.push(`${streamId}${index}`))
    }
    await turn()
    await calls[0]?.lock()
    expect(streamsOf(calls)).toEqual(['b a a c d e f g', 'b a'])
    await calls[1]?.answer(written, busy)
    // Stream a stays held until all others are made.
    for (let at = 2; made.length < 8; await turn()) {
      const call = calls[at]
      if (call !== undefined) at++
      if (call?.streams[0] === 'a' && made.length < 6) await call.answer(busy)
      else await call?.answer()
    }
    expect(made.slice(6)).toEqual(['a1', 'a2'])
  })

  it('keeps only the append that needs it, and the appends that follow it in its stream', async () => {
    const { calls, group } = wholeGroups()
    const made: string[] = []
    const streams = ['a', 'b', 'c', 'd', 'c', 'e', 'a', 'f']
    for (const [index, streamId] of streams.entries()) {
      group.append(appendTo(streamId)).then(() => made.push(`${streamId}${index}`))
    }
    await turn()
    let isHeld = true
    const answering = (async () => {
      for (let at = 0; made.length < streams.length; await turn()) {
        const call = calls[at]
        if (call !== undefined) at++
        if (isHeld && call?.streams.includes('c')) await call.lock()
        else await call?.answer()
      }
    })()
    await vi.waitFor(() => expect(made).toEqual(['a0', 'a6', 'b1', 'd3', 'e5', 'f7']))
    isHeld = false
    await answering
    expect(made.slice(6)).toEqual(['c2', 'c4'])
  })
})

describe('an error', () => {
  it('of a group is reported only to the append at fault', async () => {
    const { calls, group } = wholeGroups()
    const outcomes = ['a', 'b', 'bad', 'd', 'e'].map((streamId) =>
      group.append(appendTo(streamId)).then(
        () => 'made',
        (error: unknown) => error,
      ),
    )
    await turn()
    for (let at = 0; at < calls.length; at++) {
      const call = calls[at]
      if (call?.streams.includes('bad')) await call.fail(poison)
      else await call?.answer()
    }
    expect(await Promise.all(outcomes)).toEqual(['made', 'made', poison, 'made', 'made'])
    expect(streamsOf(calls)).toEqual(['a b bad d e', 'a b', 'bad d e', 'bad', 'd e'])
    expect(calls.map(({ retried }) => retried)).toEqual([false, true, true, true, true])
  })

  it('of a retry for a held stream is reported only to the append at fault', async () => {
    const { calls, group } = wholeGroups()
    const outcomes = ['a', 'b', 'c', 'c', 'c'].map((streamId) =>
      group.append(appendTo(streamId)).catch((e) => e),
    )
    await turn()
    // Two streams are retried at a time.
    await calls[0]?.answer(busy, busy, busy, busy, busy)
    expect(streamsOf(calls)).toEqual(['a b c c c', 'a', 'b'])
    for (const at of [1, 2, 3]) await calls[at]?.answer()
    await calls[4]?.fail(poison)
    await calls[5]?.fail(poison)
    await calls[6]?.answer()
    expect(streamsOf(calls).slice(3)).toEqual(['c', 'c c', 'c', 'c'])
    expect(await Promise.all(outcomes)).toEqual([written, written, written, poison, written])
  })

  it('that is not about the appended events is reported to all callers at once', async () => {
    const { calls, group } = wholeGroups()
    const unavailable = new StoreUnavailableError('Appending', 10, new Error('gone'))
    const outcomes = ['a', 'b'].map((streamId) => group.append(appendTo(streamId)).catch((error) => error))
    await turn()
    await calls[0]?.fail(unavailable)
    expect(await Promise.all(outcomes)).toEqual([unavailable, unavailable])
    expect(calls.length).toBe(1)
    const next = group.append(appendTo('a'))
    await turn()
    await calls[1]?.answer()
    expect(await next).toBe(written)
  })
})

describe('throttled groups', () => {
  it('are made again with the appends that were called meanwhile, in the order of the calls', async () => {
    const { calls, group } = wholeGroups({ maxThrottled: 3 })
    const order: string[] = []
    const append = (streamId: string, id: string) =>
      group.append(appendTo(streamId, { id })).then(() => order.push(id))
    const settled = [append('a', 'a1'), append('b', 'b1')]
    await turns()
    expect(streamsOf(calls)).toEqual(['a b'])
    const other = [append('c', 'c1'), append('d', 'd1')]
    await turns()
    // The second group is full, so that the appends which are called now wait.
    const late = [append('a', 'a2'), append('e', 'e1'), append('b', 'b2')]
    await calls[0]?.answer(throttled, throttled)
    await vi.waitFor(() => expect(calls).toHaveLength(3))
    expect(calls[2]?.ids).toEqual(['a1', 'a2', 'b1', 'b2', 'e1'])
    await calls[1]?.answer()
    await calls[2]?.answer()
    await Promise.all([...settled, ...other, ...late])
    expect(order.filter((id) => id.startsWith('a'))).toEqual(['a1', 'a2'])
  })

  it('settle the appends that were not throttled', async () => {
    const { calls, group } = wholeGroups({ maxThrottled: 1 })
    const [first, second] = [group.append(appendTo('a')), group.append(appendTo('b'))]
    await turns()
    await calls[0]?.answer(written, throttled)
    expect(await first).toBe(written)
    await vi.waitFor(() => expect(calls).toHaveLength(2))
    expect(calls[1]?.streams).toEqual(['b'])
    const third = group.append(appendTo('b', { id: 'later' }))
    const refused = expect(second).rejects.toMatchObject({
      code: 'store-unavailable',
      cause: throttled.error,
    })
    await calls[1]?.fail(new StoreUnavailableError('Appending', 1, throttled.error))
    await refused
    await vi.waitFor(() => expect(calls).toHaveLength(3))
    expect(calls[2]?.ids).toEqual(['later'])
    await calls[2]?.answer()
    expect(await third).toBe(written)
  })

  it('end with an error when they were throttled too often', async () => {
    const { calls, group } = wholeGroups({ maxThrottled: 1 })
    const refused = ['a', 'b'].map((streamId) =>
      expect(group.append(appendTo(streamId))).rejects.toMatchObject({
        code: 'store-unavailable',
        retries: 1,
        cause: throttled.error,
      }),
    )
    await turns()
    await calls[0]?.answer(throttled, throttled)
    await vi.waitFor(() => expect(calls).toHaveLength(2))
    await calls[1]?.answer(throttled, throttled)
    await Promise.all(refused)
    const next = group.append(appendTo('a'))
    await turns()
    await calls[2]?.answer()
    expect(await next).toBe(written)
  })
})
