/** The checker of the campaigns on hand-written histories: which faults it must find, and which it must not report. */
import type { RecordedEvent } from '@eventsourced/core'
import { describe, expect, it } from 'vitest'
import { check } from '../../torture/check/check.ts'
import type { Evidence, LoggedEvent, ShardHistory, StreamState } from '../../torture/check/evidence.ts'
import type { DeliveryLine } from '../../torture/delivery.ts'
import {
  digest,
  eventOf,
  type Invocation,
  type OperationLine,
  operationOf,
  type Seen,
  shardOf,
} from '../../torture/operation.ts'
import { SplitEvents } from '../../torture/releases.ts'

const clean = { lost: 0, duplicated: 0, 'out-of-order': 0, skipped: 0, stale: 0, phantom: 0 }

/** A stream with events of these names, such as `writer.1/0`, at these positions. */
function stream(
  name: string,
  ...events: readonly (readonly [name: string, position: number, seen?: Seen])[]
) {
  return events.map(([event, position, seen], index): LoggedEvent => {
    const id = eventOf(operationOf(event), Number(event.split('/')[1])).id
    return { stream: name, version: index + 1, position, name: event, id, seen }
  })
}

const log = (...streams: readonly LoggedEvent[][]) =>
  new Map(streams.map((events) => [events[0]?.stream ?? '', events]))

const digestOf = (...names: readonly string[]) => names.reduce(digest, 0)

const invoke = (op: string, at: number, name = 's', count = 1): OperationLine => ({
  what: 'invoke',
  op,
  kind: 'append',
  at,
  parts: [{ stream: name, count }],
})
const ok = (
  op: string,
  at: number,
  firstVersion: number,
  positions: number[],
  name = 's',
): OperationLine => ({
  what: 'ok',
  op,
  at,
  appended: [{ stream: name, firstVersion, positions }],
})
const read = (op: string, begin: number, end: number, seen: Seen, name = 's'): OperationLine[] => [
  { what: 'invoke', op, kind: 'read', at: begin, parts: [{ stream: name, count: 0 }] },
  { what: 'ok', op, at: end, seen },
]

function found(evidence: Partial<Evidence>) {
  const none = new Map()
  const verdict = check({
    operations: [],
    streams: none,
    followers: none,
    subscriptions: none,
    projections: none,
    ...evidence,
  })
  return verdict.findings.counts
}

const twoAppends = [invoke('a.1', 1), ok('a.1', 2, 1, [10]), invoke('a.2', 3), ok('a.2', 4, 2, [11])]
const twoEvents = log(stream('s', ['a.1/0', 10], ['a.2/0', 11]))

describe('the checker of campaigns: appends', () => {
  it('finds nothing when all acknowledged appends are in the log', () => {
    expect(found({ operations: twoAppends, streams: twoEvents })).toEqual(clean)
  })

  it('finds an acknowledged event that is missing', () => {
    expect(found({ operations: twoAppends, streams: log(stream('s', ['a.1/0', 10])) })).toEqual({
      ...clean,
      lost: 1,
    })
  })

  it('finds half an append, also if it was never acknowledged', () => {
    const operations = [invoke('a.1', 1, 's', 3)]
    const streams = log(stream('s', ['a.1/0', 10], ['a.1/1', 11]))
    expect(found({ operations, streams })).toEqual({ ...clean, lost: 1 })
  })

  it('accepts an append without an answer, recorded or not', () => {
    const operations = [...twoAppends, invoke('a.3', 5)]
    expect(found({ operations, streams: twoEvents })).toEqual(clean)
    const streams = log(stream('s', ['a.1/0', 10], ['a.2/0', 11], ['a.3/0', 12]))
    expect(found({ operations, streams })).toEqual(clean)
  })

  it('finds an append that was made twice', () => {
    const again = { ...(stream('s', ['a.2/0', 12])[0] as LoggedEvent), version: 3, id: 'another' }
    const streams = log([...(twoEvents.get('s') ?? []), again])
    expect(found({ operations: twoAppends, streams })).toEqual({ ...clean, duplicated: 1 })
  })

  it('finds an event id or a position that two events share', () => {
    const [one, two] = twoEvents.get('s') as [LoggedEvent, LoggedEvent]
    expect(found({ operations: twoAppends, streams: log([one, { ...two, id: one.id }]) }).duplicated).toBe(1)
    const elsewhere = { ...two, stream: 't', version: 1, position: 10 }
    const operations = [
      invoke('a.1', 1),
      ok('a.1', 9, 1, [10]),
      invoke('a.2', 2, 't'),
      ok('a.2', 9, 1, [10], 't'),
    ]
    expect(found({ operations, streams: log([one], [elsewhere]) }).duplicated).toBe(1)
  })

  it('finds a gap in a stream, a position that steps back, and an answer with another position', () => {
    const [one, two] = twoEvents.get('s') as [LoggedEvent, LoggedEvent]
    const gap = log([one, { ...two, version: 3 }])
    expect(found({ operations: [twoAppends[0] as OperationLine, invoke('a.2', 1)], streams: gap })).toEqual({
      ...clean,
      'out-of-order': 1,
    })
    const back = log([one, { ...two, position: 9 }])
    const unknown = [invoke('a.1', 1), invoke('a.2', 1)]
    expect(found({ operations: unknown, streams: back })).toEqual({ ...clean, 'out-of-order': 1 })
    const misreported = [invoke('a.1', 1), ok('a.1', 9, 1, [10]), invoke('a.2', 1), ok('a.2', 9, 2, [12])]
    expect(found({ operations: misreported, streams: twoEvents })).toEqual({ ...clean, 'out-of-order': 1 })
  })

  it('finds an event that comes in the log before an append that had ended before it began', () => {
    const operations = [
      invoke('a.1', 1),
      ok('a.1', 2, 1, [10]),
      invoke('a.2', 3, 't'),
      ok('a.2', 4, 1, [9], 't'),
    ]
    const streams = log(stream('s', ['a.1/0', 10]), stream('t', ['a.2/0', 9]))
    expect(found({ operations, streams })).toEqual({ ...clean, 'out-of-order': 1 })
    const atOnce = operations.map((line) => (line.what === 'invoke' ? { ...line, at: 1 } : line))
    expect(found({ operations: atOnce, streams })).toEqual(clean)
  })

  it('finds an event of a failed append, and an event that no client appended', () => {
    const failed: OperationLine = { what: 'fail', op: 'a.2', at: 4, code: 'wrong-expected-version' }
    const operations = [...twoAppends.slice(0, 3), failed]
    expect(found({ operations, streams: twoEvents })).toEqual({ ...clean, phantom: 1 })
    expect(found({ operations: twoAppends.slice(0, 2), streams: twoEvents })).toEqual({
      ...clean,
      phantom: 1,
    })
    // A repeat of an append that was made must get the first result, and must not be refused.
    expect(
      found({ operations: [...twoAppends, invoke('a.2', 5), { ...failed, at: 6 }], streams: twoEvents }),
    ).toEqual({
      ...clean,
      phantom: 1,
    })
  })
})

describe('the checker of campaigns: reads and decisions', () => {
  const decided = (seen: Seen) => log(stream('s', ['a.1/0', 10], ['a.2/0', 11, seen]))

  it('finds a decision on a version that was stale', () => {
    expect(found({ operations: twoAppends, streams: decided([1, digestOf('a.1/0')]) })).toEqual(clean)
    expect(found({ operations: twoAppends, streams: decided([0, 0]) })).toEqual({ ...clean, stale: 1 })
  })

  it('finds a decision on the right version, but on other events', () => {
    expect(found({ operations: twoAppends, streams: decided([1, digestOf('b.9/0')]) })).toEqual({
      ...clean,
      stale: 1,
    })
  })

  it('finds a refusal without a reason', () => {
    const at = (op: string, seen: Seen): OperationLine => ({
      ...(invoke(op, 5) as Invocation),
      kind: 'append-at',
      seen,
    })
    const fail: OperationLine = { what: 'fail', op: 'a.3', at: 6, code: 'wrong-expected-version' }
    const right = [...twoAppends, at('a.3', [1, digestOf('a.1/0')]), fail]
    expect(found({ operations: right, streams: twoEvents })).toEqual(clean)
    const wrong = [...twoAppends, at('a.3', [2, digestOf('a.1/0', 'a.2/0')]), fail]
    expect(found({ operations: wrong, streams: twoEvents })).toEqual({ ...clean, stale: 1 })
  })

  it('finds a read of an event that never existed', () => {
    const operations = [...twoAppends, ...read('a.3', 5, 6, [2, digestOf('a.1/0', 'gone/0')])]
    expect(found({ operations, streams: twoEvents })).toEqual({ ...clean, phantom: 1 })
  })

  it('finds a read that misses an append acknowledged before it began, but not one at the same time', () => {
    const old: Seen = [1, digestOf('a.1/0')]
    expect(
      found({ operations: [...twoAppends, ...read('a.3', 5, 6, old)], streams: twoEvents }).stale,
    ).toBeGreaterThan(0)
    expect(found({ operations: [...twoAppends, ...read('a.3', 3, 6, old)], streams: twoEvents })).toEqual(
      clean,
    )
  })

  it('finds two readers that see two appends in different orders', () => {
    const operations = [
      invoke('a.1', 1, 's'),
      ok('a.1', 9, 1, [10], 's'),
      invoke('a.2', 1, 't'),
      ok('a.2', 9, 1, [11], 't'),
      ...read('b.1', 2, 3, [1, digestOf('a.1/0')], 's'),
      ...read('b.2', 4, 5, [0, 0], 't'),
      ...read('c.1', 2, 3, [1, digestOf('a.2/0')], 't'),
      ...read('c.2', 4, 5, [0, 0], 's'),
    ]
    const streams = log(stream('s', ['a.1/0', 10]), stream('t', ['a.2/0', 11]))
    expect(found({ operations, streams }).stale).toBeGreaterThan(0)
    expect(found({ operations: operations.slice(0, 8), streams })).toEqual(clean)
  })
})

describe('the checker of campaigns: followers', () => {
  const delivery = (
    at: number,
    ...events: readonly (readonly [number, string, number, string])[]
  ): DeliveryLine => ({
    by: 'f',
    at,
    events,
  })
  const one = [10, 's', 1, 'a.1/0'] as const
  const two = [11, 's', 2, 'a.2/0'] as const
  const all = { operations: twoAppends, streams: twoEvents }
  const read = (...lines: DeliveryLine[]) => found({ ...all, followers: new Map([['f', lines]]) })
  const handled = (...lines: DeliveryLine[]) => found({ ...all, subscriptions: new Map([['f', lines]]) })

  it('finds an event that a reader of the log missed, got twice, got out of order, or got but the log lacks', () => {
    expect(read(delivery(1, one, two))).toEqual(clean)
    expect(read(delivery(1, two))).toEqual({ ...clean, skipped: 1 })
    expect(read(delivery(1, one), delivery(2, one, two))).toEqual({ ...clean, duplicated: 1 })
    expect(read(delivery(1, two, one))).toEqual({ ...clean, 'out-of-order': 1 })
    expect(read(delivery(1, one, two, [12, 's', 3, 'a.3/0']))).toEqual({ ...clean, phantom: 1 })
  })

  it('lets a subscription handle an event again, but not before the preceding events', () => {
    expect(handled(delivery(1, one), delivery(2, one, two))).toEqual(clean)
    expect(handled(delivery(1, one))).toEqual({ ...clean, skipped: 1 })
    expect(handled(delivery(1, two), delivery(2, one, two))).toEqual({ ...clean, 'out-of-order': 1 })
  })

  it('finds an event that a projection counted twice, left out, or folded in the wrong order', () => {
    const right: StreamState = { version: 2, digest: digestOf('a.1/0', 'a.2/0'), doubled: 0, skipped: 0 }
    const projected = (...states: readonly (readonly [string, StreamState])[]) =>
      found({ ...all, projections: new Map([['p', { streamPrefix: '', documents: new Map(states) }]]) })
    expect(projected(['s', right])).toEqual(clean)
    expect(projected(['s', { ...right, doubled: 1 }])).toEqual({ ...clean, duplicated: 1 })
    expect(projected(['s', { ...right, skipped: 1 }])).toEqual({ ...clean, skipped: 1 })
    expect(projected(['s', { ...right, digest: 7 }])).toEqual({ ...clean, 'out-of-order': 1 })
    expect(projected()).toEqual({ ...clean, skipped: 2 })
    expect(projected(['s', right], ['t', right])).toEqual({ ...clean, phantom: 1 })
  })

  it('finds a second part of a split event that a projection left out, or counted twice', () => {
    const [first, second] = all.streams.get('s') ?? []
    const streams = new Map([['s', [{ ...first, isSplit: true } as LoggedEvent, second as LoggedEvent]]])
    const state = { version: 2, digest: digestOf('a.1/0', 'a.2/0'), doubled: 0, skipped: 0 }
    const noted = (noted: number) => {
      const documents = new Map([['s', { ...state, noted }]])
      return found({ ...all, streams, projections: new Map([['p', { streamPrefix: '', documents }]]) })
    }
    expect(noted(1)).toEqual(clean)
    expect(noted(0)).toEqual({ ...clean, skipped: 1 })
    expect(noted(2)).toEqual({ ...clean, duplicated: 1 })
  })

  it('finds parts of a split event that do not come together', () => {
    const event = { id: 'i', streamId: 's', metadata: {}, tags: [], recordedAt: new Date(0) }
    const whole = { ...event, type: 'Happened1', data: {}, version: 1, position: 1 }
    const first = { ...event, type: 'Happened15', data: { isSplit: true }, version: 2, position: 2 }
    const second = { ...first, type: 'Noted', data: {} }
    const check = (...events: RecordedEvent[]) => {
      const parts = new SplitEvents()
      parts.add(events)
      parts.end()
    }
    check(whole, first, second, whole)
    for (const wrong of [[first], [second], [first, whole], [whole, second], [first, second, second]]) {
      expect(() => check(...wrong)).toThrow('did not come together')
    }
  })

  it('checks a subscription that selects a part of the events against that part of the streams', () => {
    const names = ['a.1/0', 'a.2/0', 'a.3/0']
    const streams = log(stream('s', ['a.1/0', 10], ['a.2/0', 11], ['a.3/0', 12]))
    const operations = [...twoAppends, invoke('a.3', 5), ok('a.3', 6, 3, [12])]
    // Without the second one, the others still follow each other.
    const shards = [shardOf('a.1/0'), shardOf('a.3/0')]
    expect(new Set(names.map(shardOf)).size).toBe(3)
    const three = [12, 's', 3, 'a.3/0'] as const
    const selected = (history: Partial<ShardHistory>) =>
      found({ operations, streams, shardSubscriptions: new Map([['p', { shards, lines: [], ...history }]]) })
    expect(selected({ lines: [delivery(1, one, three)] })).toEqual(clean)
    expect(selected({ lines: [delivery(1, one), delivery(2, one, three)] })).toEqual(clean)
    expect(selected({ lines: [delivery(1, three), delivery(2, one)] })).toMatchObject({ 'out-of-order': 1 })
    expect(selected({ lines: [delivery(1, three)] })).toMatchObject({ skipped: 1 })
    expect(selected({ lines: [delivery(1, one, two, three)] })).toMatchObject({ phantom: 1 })
    const right = { version: 2, digest: digestOf('a.1/0', 'a.3/0'), doubled: 0, skipped: 0 }
    const counted = (state: StreamState) => selected({ documents: new Map([['s', state]]) })
    expect(counted(right)).toEqual(clean)
    expect(counted({ ...right, doubled: 1 })).toEqual({ ...clean, duplicated: 1 })
    expect(counted({ ...right, version: 1 })).toEqual({ ...clean, skipped: 1 })
  })
})
