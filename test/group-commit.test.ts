/** `GroupCommit`: how it gathers and settles appends. The test writes every answer of the database. */
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { range } from '../src/conformance/events.ts'
import { StorageError, StoreUnavailableError } from '../src/errors/index.ts'
import { type Busy, GroupCommit } from '../src/storage/group-commit.ts'
import type { AppendOutcome, PreparedAppend } from '../src/storage/storage.ts'

type Answer = AppendOutcome | Busy

const written: AppendOutcome = { kind: 'appended', version: 1, positions: [1], recordedAt: undefined }
const busy: Busy = { kind: 'busy' }
const poison = new StorageError('Appending', new Error('poison'))

function appendTo(streamId: string, bytes = 2): PreparedAppend {
  const event = {
    id: 'id',
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
  readonly retried: boolean
  answer(...outcomes: Answer[]): Promise<void>
  /** The call has waited too long for a lock, and nothing was written. */
  lock(): Promise<void>
  fail(error: unknown): Promise<void>
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
/** Lets callers get an answer, and lets the group send the appends that waited for it. */
const turns = () => turn().then(turn)

function scripted(maxBatch = 500, lockTimeout = 30_000) {
  const calls: Call[] = []
  function send<T>(appends: readonly PreparedAppend[], retried: boolean, toAnswer: (all: Answer[]) => T) {
    return new Promise<T | Busy>((resolve, reject) => {
      calls.push({
        streams: appends.map(({ streamId }) => streamId),
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
    alone: (append, retried) => send([append], retried, ([outcome]) => outcome as Answer),
    together: (appends, retried) => send(appends, retried, (outcomes) => outcomes),
    maxBatch,
    lockTimeout,
  })
  return { calls, group }
}

const streamsOf = (calls: readonly Call[]) => calls.map(({ streams }) => streams.join(' '))

describe('gathering', () => {
  it('sends a single append as soon as the caller waits for it', async () => {
    const { calls, group } = scripted()
    const outcome = group.append(appendTo('a'))
    await turn()
    expect(streamsOf(calls)).toEqual(['a'])
    await calls[0]?.answer()
    expect(await outcome).toBe(written)
  })

  it('puts appends that are called in one tick into one group', async () => {
    const { calls, group } = scripted()
    for (const streamId of ['a', 'b', 'a', 'c']) group.append(appendTo(streamId))
    await turn()
    expect(streamsOf(calls)).toEqual(['a b a c'])
  })

  it('runs two groups at a time, and gathers the other appends until one is settled', async () => {
    const { calls, group } = scripted()
    for (const streamId of ['a', 'b', 'c', 'd']) {
      group.append(appendTo(streamId))
      await turn()
    }
    expect(streamsOf(calls)).toEqual(['a', 'b'])
    await calls[1]?.answer()
    expect(streamsOf(calls)).toEqual(['a', 'b', 'c d'])
  })

  it('ends a group at maxBatch appends, and at a megabyte', async () => {
    const few = scripted(3)
    for (const streamId of ['a', 'b', 'c', 'd', 'e']) few.group.append(appendTo(streamId))
    await turn()
    expect(streamsOf(few.calls)).toEqual(['a b c', 'd e'])

    const { calls, group } = scripted()
    for (const streamId of ['a', 'b', 'c']) group.append(appendTo(streamId, 500_000))
    group.append(appendTo('d', 3_000_000))
    await turn()
    expect(streamsOf(calls)).toEqual(['a b', 'c'])
    await calls[0]?.answer()
    expect(streamsOf(calls)).toEqual(['a b', 'c', 'd'])
  })

  it('makes no groups if maxBatch is 1', async () => {
    const { calls, group } = scripted(1)
    for (const streamId of ['a', 'b', 'a']) group.append(appendTo(streamId))
    expect(streamsOf(calls)).toEqual(['a', 'b', 'a'])
  })

  it('leaves out an append that was aborted before it was sent', async () => {
    const { calls, group } = scripted()
    const giveUp = new AbortController()
    group.append(appendTo('a'))
    const aborted = group.append(appendTo('b'), giveUp.signal)
    group.append(appendTo('c'))
    giveUp.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    expect(streamsOf(calls)).toEqual(['a c'])
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
    const { calls, group } = scripted()
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
    const { calls, group } = scripted()
    const order: string[] = []
    for (const [index, streamId] of ['a', 'b', 'a', 'c'].entries()) {
      group.append(appendTo(streamId)).then(() => order.push(`${streamId}${index}`))
    }
    await turn()
    await calls[0]?.fail(poison)
    await calls[1]?.answer(busy, written)
    expect(streamsOf(calls)).toEqual(['a b a c', 'a b', 'c'])
    for (const at of [2, 3, 4]) await calls[at]?.answer()
    expect(order).toEqual(['b1', 'c3', 'a0', 'a2'])
  })

  it.each([1, 500])(
    'that is held at the first append gets it after a pause, with maxBatch %d',
    async (maxBatch) => {
      const { calls, group } = scripted(maxBatch)
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
    const { calls, group } = scripted(500, 100)
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
    const { calls, group } = scripted(500, 50)
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
    const { calls, group } = scripted(2, 100)
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

describe('a lock that is no stream', () => {
  // Fault: after a group had waited too long for a document that all appends change, each of its appends was made alone
  // and waited in line alone, behind whole groups of other processes. Some waited for the whole timeout.
  it('delays a group, which is then made in parts that grow', async () => {
    const { calls, group } = scripted()
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
    const { calls, group } = scripted()
    const made: string[] = []
    for (const [index, streamId] of ['a', 'b', 'c', 'd', 'a', 'e', 'f', 'g'].entries()) {
      group.append(appendTo(streamId)).then(() => made.push(`${streamId}${index}`))
    }
    await turn()
    await calls[0]?.lock()
    expect(streamsOf(calls)).toEqual(['a b c d a e f g', 'a b'])
    await calls[1]?.answer(busy, written)
    // The stream of the first append stays held until all others are made.
    for (let at = 2; made.length < 8; await turn()) {
      const call = calls[at]
      if (call !== undefined) at++
      if (call?.streams[0] === 'a' && made.length < 6) await call.answer(busy)
      else await call?.answer()
    }
    expect(made.slice(6)).toEqual(['a0', 'a4'])
  })

  it('keeps only the append that needs it, and the appends that follow it in its stream', async () => {
    const { calls, group } = scripted()
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
    await vi.waitFor(() => expect(made).toEqual(['a0', 'b1', 'd3', 'e5', 'a6', 'f7']))
    isHeld = false
    await answering
    expect(made.slice(6)).toEqual(['c2', 'c4'])
  })
})

describe('an error', () => {
  it('of a group is reported only to the append at fault', async () => {
    const { calls, group } = scripted()
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
    const { calls, group } = scripted()
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
    const { calls, group } = scripted()
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

it('settles every append once, and each stream in the order of its calls, in random scenarios', async () => {
  const scenario = fc.record({
    streams: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1, maxLength: 40 }),
    pauses: fc.array(fc.nat(3), { maxLength: 40 }),
    answers: fc.infiniteStream(fc.constantFrom('written', 'written', 'busy', 'poison', 'lost')),
    maxBatch: fc.integer({ min: 2, max: 8 }),
    scheduler: fc.scheduler(),
  })
  await fc.assert(
    fc.asyncProperty(scenario, async ({ streams, pauses, answers, maxBatch, scheduler }) => {
      const made: string[] = []
      const underWay = new Set<string>()
      let failuresLeft = 20
      const nextFate = () => (failuresLeft-- > 0 ? answers.next().value : 'written')
      async function perform(
        appends: readonly PreparedAppend[],
        how: 'alone' | 'together',
      ): Promise<Answer[] | Busy> {
        const names = new Set(appends.map(({ streamId }) => streamId.slice(0, 1)))
        for (const name of names) {
          expect(underWay.has(name), `${name} is under way twice`).toBe(false)
          underWay.add(name)
        }
        await scheduler.schedule(Promise.resolve(), `append ${[...names]}`)
        for (const name of names) underWay.delete(name)
        const whole = nextFate()
        if (how === 'together' && whole === 'poison') throw new StorageError('Appending', new Error('poison'))
        if (how === 'together' && whole === 'busy') return busy
        if (whole === 'lost') throw new StoreUnavailableError('Appending', 1, new Error('lost'))
        const held = new Set([...names].filter(() => nextFate() === 'busy'))
        return appends.map((append) => {
          if (held.has(append.streamId)) return busy
          made.push(append.events[0]?.id as string)
          return written
        })
      }
      const group = new GroupCommit({
        alone: async (append) => [await perform([append], 'alone')].flat()[0] as Answer,
        together: (appends) => perform(appends, 'together'),
        maxBatch,
      })
      const called: string[] = []
      const refused: string[] = []
      const all = streams.map(async (streamId, index) => {
        for (let pause = pauses[index] ?? 0; pause > 0; pause--) await turn()
        const id = `${streamId}${index}`
        const append = appendTo(streamId)
        const call = { ...append, events: append.events.map((event) => ({ ...event, id })) }
        called.push(id)
        await group.append(call).catch(() => refused.push(id))
      })
      let settled = false
      const end = Promise.all(all).then(() => {
        settled = true
      })
      while (!settled) {
        if (scheduler.count() > 0) await scheduler.waitOne()
        await turn()
      }
      await end
      expect([...made, ...refused].toSorted()).toEqual(called.toSorted())
      for (const name of new Set(streams)) {
        const own = made.filter((id) => id.startsWith(name))
        expect(own).toEqual(called.filter((id) => own.includes(id)))
      }
    }),
    { numRuns: 300 },
  )
})
