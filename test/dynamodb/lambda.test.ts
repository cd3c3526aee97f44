/** Tests the handler for Lambda: what wakes it up, what makes Lambda repeat a call, and what a call costs. */
import { hasCode, type RecordedEvent, WakeUpFailedError } from '@eventsourced/core'
import { lambdaHandler } from '@eventsourced/core/dynamodb/lambda'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counted, numbersOf, range } from '../../src/conformance/events.ts'
import { latch } from '../../src/conformance/expect.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { emulators, type Ground, oneEmulator, startGround } from './ground.ts'
import { contextWith, newSlot, recordOf, scheduled } from './lambda-events.ts'
import { countUnits } from './units.ts'

/** The error with which a call of the handler fails. */
async function failureOf(call: Promise<unknown>): Promise<WakeUpFailedError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!hasCode(error, 'wake-up-failed')) throw new Error('it must fail', { cause: error })
  return error
}

describe.each(oneEmulator)('the handler for Lambda on %s', (emulator) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(emulator)
  })
  afterAll(() => ground?.end())

  /** A store with a subscription `s`, which keeps what it handles. */
  function open(table = ground.table()) {
    const opened = ground.open(table, { gapTimeout: 500 })
    const handled: RecordedEvent[] = []
    const subscription = { name: 's', handle: (event: RecordedEvent) => void handled.push(event) }
    return { ...opened, table, handled, subscription, handler: lambdaHandler(opened.store, [subscription]) }
  }

  it('handles what is in the log when a slot is new, or on a schedule', async () => {
    const { store, handled, handler } = open()
    for (const [nth, event] of [newSlot, scheduled, {}].entries()) {
      await store.append('a', counted(2, 1 + 2 * nth))
      const nothingElse = { name: 's', parked: 0, paused: false }
      expect(await handler(event, contextWith(10_000))).toEqual({
        subscriptions: [{ ...nothingElse, handled: 2 }],
      })
      expect(await handler(event, contextWith(10_000))).toEqual({
        subscriptions: [{ ...nothingElse, handled: 0 }],
      })
    }
    expect(numbersOf(handled)).toEqual(range(1, 6))
  })

  it('sends no request for records that are of no new slot', async () => {
    const { store, faults, handled, handler } = open()
    await store.append('a', counted(1))
    let requests = 0
    faults.before(() => {
      requests++
      return undefined
    })
    const records = [
      ...['C#1#0', 'K#place', 'H#process', 'D#1#0#orders', 'V#orders', 'N#0', 'subscriptions', 'I#id'].map(
        (p) => recordOf(p, '0'),
      ),
      ...['MODIFY', 'REMOVE'].map((name) => recordOf('L#1#0#0', '0000000000000001', name)),
    ]
    for (const Records of [records, []])
      expect(await handler({ Records }, contextWith(1))).toEqual({ subscriptions: [] })
    expect(requests).toBe(0)
    expect(handled).toEqual([])
    await handler({ Records: [...records, recordOf('L#2#7#99', '1')] }, contextWith(10_000))
    expect(numbersOf(handled)).toEqual([1])
  })

  it('writes no slot while subscriptions run, so that it does not wake up itself', async () => {
    const { store, faults, handler } = open()
    await store.append('a', counted(3))
    const written: unknown[] = []
    faults.before(({ command, input }) => {
      if (!/^(Get|BatchGet|Query)/.test(command)) written.push(input)
      return undefined
    })
    await handler(newSlot, contextWith(10_000))
    expect(written.length).toBeGreaterThan(0)
    expect(JSON.stringify(written)).not.toContain('"L#')
  })

  it('refuses events of another source, and contexts without time', async () => {
    const { handler } = open()
    const record = recordOf('L#1#0#0', '1')
    const cases: [unknown, unknown, RegExp][] = [
      [null, contextWith(9_000), /^event must be an object/],
      ['x', contextWith(9_000), /^event must be an object/],
      [{ Records: {} }, contextWith(9_000), /^event\.Records must be an array/],
      [
        { Records: [record, { ...record, eventSource: 'aws:sqs' }] },
        contextWith(9_000),
        /^event\.Records\[1\]\.eventSource must be 'aws:dynamodb'/,
      ],
      [{ Records: [null] }, contextWith(9_000), /^event\.Records\[0\]\.eventSource must be/],
      [
        { Records: [recordOf('S#order-1', 'e#1')] },
        contextWith(9_000),
        /^event\.Records\[0\]\.dynamodb\.Keys\.p\.S must be a key of the log: connect the function/,
      ],
      [{ Records: [{ ...record, dynamodb: { Keys: { id: {} } } }] }, contextWith(9_000), /must be a key of/],
      [newSlot, undefined, /^context\.getRemainingTimeInMillis must be a function/],
      [newSlot, {}, /^context\.getRemainingTimeInMillis must be a function/],
      [newSlot, contextWith(1_900), /must return more than the reserve of 2000 ms: raise the timeout/],
      [newSlot, { getRemainingTimeInMillis: () => Number.NaN }, /must return more than the reserve/],
    ]
    for (const [event, context, message] of cases)
      await expect(handler(event, context as never)).rejects.toMatchObject({
        code: 'invalid-input',
        message: expect.stringMatching(message),
      })
  })

  it('returns normally for a paused subscription, and says so', async () => {
    const { store, handled, handler } = open()
    await store.append('a', counted(1))
    await handler(newSlot, contextWith(10_000))
    await store.subscriptions.pause('s')
    await store.append('a', counted(1, 2))
    const { subscriptions } = await handler(newSlot, contextWith(30_000))
    expect(subscriptions).toEqual([{ name: 's', handled: 0, parked: 0, paused: true }])
    await store.subscriptions.resume('s')
    await handler(scheduled, contextWith(10_000))
    expect(numbersOf(handled)).toEqual([1, 2])
  })

  it('fails if one subscription fails, after the others have caught up', async () => {
    const { store } = open()
    await store.append('a', counted(3))
    const numbers: number[] = []
    let isBroken = true
    const subscription = (name: string, action: 'stop' | 'park') => ({
      name,
      onError: { retries: 0, action },
      handle(event: RecordedEvent) {
        const [number] = numbersOf([event])
        if (isBroken && number === 2) throw new Error('it is broken')
        if (name === 'stops') numbers.push(number as number)
      },
    })
    const handler = lambdaHandler(store, [
      subscription('stops', 'stop'),
      subscription('parks', 'park'),
      { name: 'works', handle() {} },
    ])
    const error = await failureOf(handler(newSlot, contextWith(10_000)))
    expect(error).toBeInstanceOf(WakeUpFailedError)
    expect(error.message).toMatch(
      /^1 of 3 subscriptions is not caught up, so this call must be repeated: Subscription 'stops' failed at the event at position \d+: it is broken$/,
    )
    expect(error.failures).toMatchObject([{ subscription: 'stops', error: { code: 'subscription-failed' } }])
    expect(error.cause).toBe(error.failures[0]?.error)
    const { lastPosition } = (await store.subscriptionStatus('works')) ?? {}
    for (const [name, parked] of [
      ['parks', 1],
      ['works', 0],
    ] as const)
      expect(await store.subscriptionStatus(name)).toMatchObject({ checkpoint: lastPosition, parked })
    isBroken = false
    await handler(newSlot, contextWith(10_000))
    expect(numbers).toEqual([1, 2, 3])
  })

  it('fails in code of a former version until the later one has caught up, and after a successor took over', async () => {
    const { store, handler, handled } = open()
    await store.append('a', counted(1))
    const handle = () => {}
    await handler(newSlot, contextWith(10_000))
    const later = lambdaHandler(store, [{ name: 's', version: 2, types: ['Counted'], handle }])
    await later(newSlot, contextWith(10_000))
    await store.append('a', counted(1, 2))
    const { failures } = await failureOf(handler(newSlot, contextWith(10_000)))
    expect(failures).toMatchObject([{ error: { code: 'subscription-behind' } }])
    await later(newSlot, contextWith(10_000))
    await handler(newSlot, contextWith(10_000))
    expect(numbersOf(handled)).toEqual([1])

    await store.runOnce({ name: 't', from: { after: 's', otherwise: 'beginning' }, handle })
    await store.append('a', counted(1, 3))
    const ended = await failureOf(later(newSlot, contextWith(10_000)))
    expect(ended.failures).toMatchObject([{ error: { code: 'unknown-subscription', successor: 't' } }])
  })

  it('stops before the end of the invocation, and the next call continues', async () => {
    const { store } = open()
    await store.append('a', counted(40))
    const numbers: number[] = []
    const subscription = {
      name: 's',
      async handle(event: RecordedEvent) {
        await sleep(100)
        numbers.push(...numbersOf([event]))
      },
    }
    const handler = lambdaHandler(store, [subscription], { reserve: 1_500 })
    const first = contextWith(4_000)
    const error = await failureOf(handler(newSlot, first))
    expect(first.getRemainingTimeInMillis()).toBeGreaterThan(0)
    expect(error.failures).toMatchObject([{ error: { code: 'subscription-behind', subscription: 's' } }])
    const before = numbers.length
    expect(before).toBeGreaterThan(5)
    await sleep(300)
    expect(numbers).toHaveLength(before)
    await handler(newSlot, contextWith(20_000))
    expect(numbers).toEqual(range(1, 40))
  })

  it('gives a handler that never ends one second, then fails in time', async () => {
    const { store } = open()
    await store.append('a', counted(1))
    const handle = () => new Promise<void>(() => {})
    const context = contextWith(3_500)
    const failing = lambdaHandler(store, [{ name: 's', handle }])(newSlot, context)
    expect((await failureOf(failing)).failures).toMatchObject([{ subscription: 's' }])
    expect(context.getRemainingTimeInMillis()).toBeGreaterThan(0)
  })

  it('loses no wake-up to a call that ends: the second call handles what the first did not see', async () => {
    const { store, table, handled } = open()
    await store.append('a', counted(1))
    const [isHandling, goOn] = [latch(), latch()]
    const first = {
      name: 's',
      async handle(event: RecordedEvent) {
        handled.push(event)
        isHandling.release()
        await goOn.released
      },
    }
    // It looks at the log, handles the only event, and holds the lease.
    const running = lambdaHandler(store, [first])(newSlot, contextWith(20_000))
    await isHandling.released
    await store.append('a', counted(2, 2))
    const other = open(table)
    const waiting = other.handler(newSlot, contextWith(20_000))
    await sleep(500)
    expect(other.handled).toEqual([])
    goOn.release()
    await Promise.all([running, waiting])
    expect(numbersOf([...handled, ...other.handled])).toEqual([1, 2, 3])
  })

  it('fails if another call holds the lease for all of its time, and says which process', async () => {
    const { store, table, handled } = open()
    await store.append('a', counted(1))
    const [isHandling, goOn] = [latch(), latch()]
    const subscription = {
      name: 's',
      async handle(event: RecordedEvent) {
        isHandling.release()
        await goOn.released
        handled.push(event)
      },
    }
    const running = lambdaHandler(store, [subscription])(newSlot, contextWith(20_000))
    await isHandling.released
    const other = open(table)
    const { failures } = await failureOf(other.handler(newSlot, contextWith(3_000)))
    const [{ error } = {}] = failures
    if (!hasCode(error, 'subscription-behind')) throw error
    expect(error.owners).toHaveLength(1)
    expect(error.checkpoint).toBeLessThan(error.position)
    goOn.release()
    await Promise.all([running, other.handler(newSlot, contextWith(20_000))])
    expect(numbersOf(handled)).toEqual([1])
    expect(other.handled).toEqual([])
  })

  it('handles each event once with eight calls at once', async () => {
    const first = open()
    await first.store.append('a', counted(1))
    await first.handler(newSlot, contextWith(10_000))
    const calls = range(1, 8).map(async (nth) => {
      const { store, handler, handled } = open(first.table)
      await store.append(`s-${nth}`, counted(5, nth * 10))
      await handler(newSlot, contextWith(50_000))
      return handled
    })
    const handled = (await Promise.all(calls)).flat()
    const expected = range(1, 8).flatMap((nth) => range(nth * 10, nth * 10 + 4))
    expect(numbersOf(handled).toSorted((a, b) => a - b)).toEqual(expected)
  })
})

describe.runIf(emulators.includes('dynoxide'))('the units of a call', () => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround('dynoxide')
  })
  afterAll(() => ground?.end())

  it('are 1 with nothing new, and 8 write units and up to 25 read units with one new event', async () => {
    const { store, faults } = ground.open(ground.table())
    const handler = lambdaHandler(store, [{ name: 's', handle() {} }])
    const unitsOfCall = async () => {
      const units = countUnits(faults)
      await handler(newSlot, contextWith(30_000))
      faults.clear()
      return units
    }
    await store.append('a', counted(1))
    await unitsOfCall()
    expect(await unitsOfCall()).toMatchObject({ writes: 0, requests: 3, reads: 1 })
    await store.append('a', counted(1, 2))
    const { writes, reads, logReads } = await unitsOfCall()
    expect(writes).toBe(8)
    expect(reads + logReads).toBeLessThanOrEqual(25)
  })
})
